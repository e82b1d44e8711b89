// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"

namespace elbo::cli {

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> all = {train_verb(), resume_verb(), eval_verb(), report_verb()};
  return all;
}

}  // namespace elbo::cli
