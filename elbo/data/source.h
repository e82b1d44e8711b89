// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "elbo/data/dataset.h"

namespace elbo {

/// Where the data is and how it is split and prepared.
struct DataOptions {
  std::string path;
  Part reader = "auto";
  std::vector<std::string> columns, drop;
  std::string target, id, image;
  double valid = -1;
  double test = -1;
  int64_t limit = 0;
  int64_t in_memory = 1024;
  std::vector<Part> transform;
  void fields(Fields& f);
};

/// A data set as opened: what it is, and its parts. Empty parts are null.
struct DataSource {
  Schema schema;
  std::string format, fingerprint;
  std::vector<std::string> notes;            ///< the reader's: what it decided that may surprise
  std::vector<ColumnReport> column_reports;  ///< the reader's, of tables
  DatasetPtr train, valid, test;
  /// Every row in the order of the source, whatever data.limit says, then those of a test set that
  /// it has of its own.
  DatasetPtr all;
  bool has_own_test = false;
  std::string id_name = {};  ///< what Dataset::ids are called: the column, "file"
};

/// The schema of what a reader read.
Schema schema_of(const RawData& raw);

/// Reads and splits. The same seed gives the same split. Data for a model of the given schema have
/// its columns, brought into its order where they have names, and may lack its target. Throws
/// Error(Code::data).
DataSource open_data(const DataOptions& options, uint64_t seed, const Schema* model = nullptr);

}  // namespace elbo
