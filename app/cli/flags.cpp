// SPDX-License-Identifier: Apache-2.0
#include "app/cli/flags.h"

namespace elbo::cli {

std::unique_ptr<Flags> flags_of(const Verb& verb) {
  auto out = std::make_unique<Flags>();
  out->own = verb.options();
  out->common.fields(out->common_fields);
  out->all.append(*out->own);
  out->all.append(out->common_fields);
  if (verb.takes_config) out->config.fields(out->all);
  return out;
}

}  // namespace elbo::cli
