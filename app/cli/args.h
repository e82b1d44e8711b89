// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "elbo/core/fields.h"

namespace elbo::cli {

/// A command line taken apart: what stands alone and what follows a flag.
struct Args {
  std::vector<std::string> positionals;
  std::vector<std::pair<std::string, std::string>> flags;  ///< name without dashes, text
};

/// Takes `--name value`, `--name=value`, `--switch`, `--switch true|false`, `--no-switch`, `-o
/// value`, `-o=value`, and `--` before words that begin with a dash. `known` lists every flag; a
/// field "train.epochs" may also be called by its last word where that is unique (one in `eval`
/// gives way to the other), and a part's options by one more word:
/// `--model.encoder.sizes 400`. Throws Error(Code::usage) with the nearest name.
Args parse_args(const std::vector<std::string>& words, const Fields& known);

/// The one-letter names: -o output, -n count, -q quiet, -v verbose, -h help, -p preset.
const std::map<std::string, std::string>& short_flags();

/// The name to show for a field in --help: its last word where that is unique.
std::string shortest_name(const Field& field, const Fields& known);

}  // namespace elbo::cli
