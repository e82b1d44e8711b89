// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "elbo/io/csv.h"
#include "elbo/io/reader.h"

namespace elbo {

/// Options of "npy" and "npz".
struct NumpyOptions {
  std::string missing = "refuse";
  void fields(Fields& f) {
    f("missing", missing, "what NaN in floating data means: an error, or a missing cell",
      {"refuse", "nan"});
  }
};

/// Options of "csv".
struct CsvOptions {
  std::string delimiter = "auto";
  std::string header = "auto";
  std::string decimal = "auto";
  std::vector<std::string> missing = {};
  void fields(Fields& f) {
    f("delimiter", delimiter, "what stands between two cells",
      {"auto", ",", ";", "\t", "|", "blanks"});
    f("header", header, "whether the first row names the columns", {"auto", "yes", "no"});
    f("decimal", decimal, "what divides a number's whole part from its fraction",
      {"auto", ".", ","});
    f("missing", missing,
      "texts that mark a missing cell, beside the usual ones (nothing, NA, NaN, null, ?, -, ..)");
  }
};

/// Options of "image-folder".
struct ImageOptions {
  std::vector<int64_t> resize;
  std::string alpha = "auto";
  bool skip_bad = false;
  void fields(Fields& f) {
    f("resize", resize, "height and width to which every picture is brought; empty: as they are",
      between(1, 16384));
    f("alpha", alpha,
      "what is made of transparent parts: laid over white or black, or alpha itself as a grey "
      "picture; auto takes the first of these on which anything is to be seen",
      {"auto", "white", "black", "itself"});
    f("skip_bad", skip_bad, "leave out pictures that cannot be read");
  }
};

std::unique_ptr<Reader> make_auto_reader(const NoOptions&);
std::unique_ptr<Reader> make_shipped_reader(const NoOptions&);
std::unique_ptr<Reader> make_idx_reader(const NoOptions&);
std::unique_ptr<Reader> make_npy_reader(const NumpyOptions& options);
std::unique_ptr<Reader> make_npz_reader(const NumpyOptions& options);
std::unique_ptr<Reader> make_csv_reader(const CsvOptions& options);
std::unique_ptr<Reader> make_image_reader(const ImageOptions& options);

/// What the readers make of contents already in memory. The caller adds the fingerprint.
RawData read_npz_data(std::span<const std::byte> bytes, const std::string& where,
                      const NumpyOptions& options, const ReadRequest& request,
                      uint64_t max_bytes = uint64_t{1} << 36);
RawData read_csv_data(std::string_view text, const std::string& where, const CsvOptions& options,
                      const ReadRequest& request);

/// A data set that comes with elbo.
struct ShippedData {
  std::string name;
  std::string reader;   ///< the family member that reads it
  std::string path;     ///< the file or folder, below the datasets folder
  std::string summary;  ///< what it is, with its licence
};
const std::vector<ShippedData>& shipped_data();
std::vector<std::string> shipped_names();
/// The folder in which the shipped sets lie: the environment's ELBO_DATASETS, else the source
/// tree's.
Path shipped_folder();

}  // namespace elbo
