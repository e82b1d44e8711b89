// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "elbo/core/files.h"
#include "elbo/core/value.h"
#include "elbo/report/text_table.h"

namespace elbo {

/// What is in a file or folder, as facts and as a table of its parts.
struct Inspection {
  std::vector<std::pair<std::string, std::string>> facts;  ///< "model", "vae on mnist: ..."
  Row header;
  std::vector<Row> rows;
  Value value;  ///< the same for --json
};

/// A run folder, a model folder, or a .safetensors, .npy, .npz, .idx (also gzip) or other file that
/// a reader knows. Contents decide, not names. Throws Error(Code::data) or Error(Code::model) for
/// what is damaged, Error(Code::data) for what is not there.
Inspection inspect(const Path& path);

}  // namespace elbo
