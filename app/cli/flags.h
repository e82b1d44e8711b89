// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "app/cli/verb.h"

namespace elbo::cli {

/// The flags every verb takes.
struct CommonOptions {
  bool json = false, quiet = false, verbose = false, help = false;
  void fields(Fields& f) {
    f("json", json,
      "print one JSON document on stdout; of an error {\"error\": {code, name, message, hint}}");
    f("quiet", quiet, "no narration");
    f("verbose", verbose, "more narration");
    f("help", help, "what this command does and takes");
  }
};

/// All that may stand on a verb's command line.
struct Flags {
  CommonOptions common;
  RunConfig config;
  std::shared_ptr<Fields> own;
  Fields common_fields;
  Fields all;
};

std::unique_ptr<Flags> flags_of(const Verb& verb);

}  // namespace elbo::cli
