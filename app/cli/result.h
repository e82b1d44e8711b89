// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>

#include "app/cli/verb.h"
#include "elbo/tasks/latent.h"
#include "elbo/tasks/output.h"
#include "elbo/tasks/selection.h"

namespace elbo::cli {

/// Where a verb's result goes.
struct OutputOptions {
  std::string output, format;
  bool force = false;
  void fields(Fields& f) {
    f("output", output,
      "the file to write: .npy, .npz, .csv, or .png for images; - for standard output");
    f("format", format,
      "of what is written, where the file's name does not say; standard output gets csv, of images "
      "npy",
      {"", "npy", "npz", "csv", "png"});
    f("force", force, "replace the file when it is there");
  }
};

/// Where a run's own data lie.
struct MovedData {
  std::string data;
  void fields(Fields& f) {
    f("data", data, "where the run's own data lie now, if they have moved");
  }
};

/// The data of a verb called with RUN [DATA].
struct SelectOptions : MovedData {
  std::string split = "auto";
  void fields(Fields& f) {
    f("split", split,
      "which rows: auto takes every row of a file that is named, else those held out; held-out is "
      "test, else valid, else train",
      {"auto", "train", "valid", "test", "all", "held-out"});
    MovedData::fields(f);
  }
};

/// Opens RUN for use, on as many threads as its configuration says; its own data lie at `data`,
/// where that is not empty.
Run open_for_use(const Path& folder, const std::string& data = "");

/// The rows of DATA, or of the run's own data when none is named; says which in one line. `split`
/// takes the place of "auto" where it is not empty.
Selection open_rows(const Run& run, Call& call, const SelectOptions& options,
                    const std::string& split = "");

/// Where a verb that makes x writes it: as asked, or `stem` with .png for images and .csv for
/// tables, in the working folder. Throws what check_output throws, and Error(Code::usage) where
/// --json wants the standard output too.
OutputFile output_file(const OutputOptions& options, const Run& run, const std::string& stem,
                       const Console& console);
/// The same for a verb whose results are tables: `stem`.csv.
OutputFile table_file(const OutputOptions& options, const std::string& stem,
                      const Console& console);

/// Writes the result, prints the path (but for standard output); with --json {"output": ..,
/// "arrays": {name: shape}, ..more}.
int finish(const OutputFile& file, const OutputOptions& options, const Output& output, Value more,
           Console& console);

/// The same for a result of many rows, each of whose arrays has them first: made and written some
/// rows at a time where the file takes parts, so that memory does not grow with their number.
int finish_rows(const OutputFile& file, const OutputOptions& options, const Schema& schema,
                std::span<const int64_t> rows,
                const std::function<Output(std::span<const int64_t>)>& make, const Value& more,
                Console& console);

/// The names of the columns of x for .csv: those of a table; none for images.
std::vector<std::string> data_columns(const Schema& schema);
/// "z0", "z1", ...
std::vector<std::string> latent_columns(int64_t size);

/// Each cell `each` times, and all of that `times` times over.
TextColumn spread(const TextColumn& column, int64_t each, int64_t times);
/// "1", "2", .. `count`.
std::vector<std::string> counted_up(int64_t count);
std::vector<std::string> texts(std::span<const int64_t> numbers);

/// Says whether x are means of p(x|z) or draws from it, in the narration and as "decode" in the
/// document of --json.
void tell_decoded(const std::string& decode, Console& console, Value& document);
/// The same for n rows of a .csv: the column `decoded`, "mean" or "draw".
TextColumn decoded_column(const std::string& decode, int64_t n);

}  // namespace elbo::cli
