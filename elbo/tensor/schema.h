// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "elbo/core/value.h"
#include "elbo/io/column_code.h"
#include "elbo/io/value_range.h"

namespace elbo {

/// What one example is, as the model sees it.
struct Schema {
  std::string name;                    ///< what to call the data: "mnist"
  std::string kind = "table";          ///< "image" or "table"
  std::vector<int64_t> shape;          ///< images {C, H, W}, tables {D}
  ValueRange range = {};               ///< images: black and white, in the units they are stored in
  std::string alpha = {};              ///< pictures: what was done with alpha; "" without any
  std::vector<std::string> columns;    ///< tables: D names, or empty
  std::vector<ColumnCode> codes = {};  ///< tables of text: how each column is read, or empty
  std::vector<std::string> labels;     ///< names of the classes of y, or empty
  std::string target;                  ///< what y is called, or empty when there is none

  int64_t size() const;            ///< elements of one example: the D of bits per dimension
  std::string shape_text() const;  ///< "28x28 grey", "32x32 colour", "14 columns"
  Value to_value() const;
  /// Throws Error(Code::model) for anything to_value could not have written.
  static Schema from_value(const Value& value);
};

}  // namespace elbo
