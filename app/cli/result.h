// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>

#include "app/cli/verb.h"
#include "elbo/tasks/latent.h"
#include "elbo/tasks/output.h"

namespace elbo::cli {

/// Where a verb's result goes.
struct OutputOptions {
  std::string output;
  bool force = false;
  void fields(Fields& f) {
    f("output", output, "the file to write: .npy, .npz, .csv, or .png for images");
    f("force", force, "replace the file when it is there");
  }
};

/// The data of a verb called with RUN [DATA].
struct SplitOptions {
  std::string split = "held-out";
  void fields(Fields& f) {
    f("split", split, "which part of the data: held-out is test, else valid, else train",
      {"held-out", "train", "valid", "test"});
  }
};

/// Opens RUN for use, on as many threads as its configuration says.
Run open_for_use(const Path& folder);

/// Says what the reader decided of data that the run was not trained on.
void tell_notes(const DataSource& data, const Run& run, const std::string& path, Console& console);

/// The asked split of DATA, or of the run's own data when none is named. Throws Error(Code::data)
/// when there is no such split.
DatasetPtr open_split(const Run& run, const Call& call, const SplitOptions& options);

/// The file to write: as asked, or `stem` with .png for images and .csv for tables, in the working
/// folder. Throws what check_output throws.
Path output_path(const OutputOptions& options, const Run& run, const std::string& stem);

/// Writes the result, prints the path; with --json {"output": .., "arrays": {name: shape}, ..more}.
int finish(const Path& path, const OutputOptions& options, const Output& output, Value more,
           Console& console);

/// The same for a result of many rows, each of whose arrays has them first: made and written some
/// rows at a time where the file takes parts, so that memory does not grow with their number.
int finish_rows(const Path& path, const OutputOptions& options, const Schema& schema,
                std::span<const int64_t> rows,
                const std::function<Output(std::span<const int64_t>)>& make, Console& console);

/// The names of the columns of x for .csv: those of a table; none for images.
std::vector<std::string> data_columns(const Schema& schema);
/// "z0", "z1", ...
std::vector<std::string> latent_columns(int64_t size);
/// The class or target of each example, for a column of a .csv.
std::vector<std::string> label_texts(const Tensor& y, const Schema& schema);

}  // namespace elbo::cli
