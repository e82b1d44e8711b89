// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "elbo/io/csv_plan.h"
#include "elbo/io/file_rows.h"

namespace elbo {

/// What the cells of a feature came to.
struct FeatureCells {
  int64_t missing = 0;
  std::map<std::string, int64_t> missing_texts;  ///< as in the file, A to Z in lower case
  double low = 0, high = 0, error = 0;           ///< error: most that a value differs from its f32
  bool has_others = false;                       ///< cells that the plan does not explain
  bool is_constant() const { return low == high; }
};

/// One pass over a table's rows by a plan, which may turn out not to hold: it was made of the first
/// rows.
class TableScan {
 public:
  /// type: that of x: f32, f64, or u8 where the rows are pictures (request.image).
  TableScan(const TablePlan& plan, const CsvFormat& format, const MissingTexts& missing,
            const ReadRequest& request, const std::string& where, DType type);

  /// From the row that `rows` stands on. Throws Error(Code::data) with the place of any fault.
  void read(CsvRows& rows);
  /// The columns that are not what the plan says.
  std::vector<size_t> surprises() const;
  bool needs_f64() const;  ///< whether x loses something as f32
  /// Gives away what was read.
  void finish(RawData& out);

  const std::vector<FeatureCells>& features() const { return cells_; }
  int64_t rows() const { return rows_; }
  int64_t empty_rows() const { return empty_rows_; }  ///< left out
  bool was_not_utf8() const { return was_not_utf8_; }
  bool are_bytes() const { return are_bytes_; }  ///< all whole numbers from 0 to 255, none missing

 private:
  /// The cells of the target so far.
  struct TargetCells {
    std::vector<int64_t> integers;  ///< as many as rows where all are
    std::vector<float> numbers;     ///< [N]
    std::vector<uint32_t> texts;    ///< [N] indices into `names`
    std::unordered_map<std::string, uint32_t> names;
    bool has_others = false;
  };
  /// A column whose cells must count the rows or all differ, and whether they still do.
  struct Claim {
    size_t column = 0;
    bool must_count = false, holds = true;
    double first = 0;
    std::unordered_set<size_t> seen = {};  // hashes
  };

  void read_features(const CsvRows& rows);
  double read_odd_cell(size_t feature, std::string_view cell);
  void check_pixels(const CsvRows& rows) const;
  void read_target(std::string_view cell, int64_t line);
  void check_claim(Claim& claim, std::string_view cell);
  void fill_target(RawData& out) const;

  const TablePlan& plan_;
  const CsvFormat& format_;
  const MissingTexts& is_missing_;
  const std::string& where_;
  std::vector<CellReader> readers_;  // of the features
  std::vector<char> is_plain_;
  std::optional<CellReader> target_reader_;
  std::vector<FeatureCells> cells_;
  std::vector<double> values_, low_, high_, error_;
  std::vector<Claim> claims_;
  std::vector<std::string> ids_;
  TargetCells target_;
  RowSpool spool_;
  bool is_image_, was_not_utf8_ = false, are_bytes_ = true;
  int64_t rows_ = 0, empty_rows_ = 0;
};

/// Whether no cell of a row of several holds anything.
bool is_empty_row(const std::vector<std::string_view>& cells);

}  // namespace elbo
