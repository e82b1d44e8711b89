// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "elbo/io/csv_cells.h"

namespace elbo {

/// The texts that mark a missing cell: the usual ones (is_missing_word) and those that the user
/// adds, of which numbers count whatever their spelling (-999, -999.0).
class MissingTexts {
 public:
  explicit MissingTexts(const std::vector<std::string>& added);
  bool operator()(std::string_view cell) const;
  bool contains(double value) const;
  bool has_numbers() const { return !numbers_.empty(); }
  bool has_added() const { return !texts_.empty(); }

 private:
  std::vector<std::string> texts_;
  std::vector<double> numbers_;
};

/// A text and how often it was met.
struct TextCount {
  std::string text;
  int64_t count = 0;
  int64_t line = 0;  ///< of the first one
};

/// What the cells of one column are, in memory that does not grow with the rows but for a column
/// whose cells all differ.
class CellSurvey {
 public:
  static constexpr size_t kMostTexts = 1000;

  bool is_id_like = false;  ///< numbers, too, are looked at for whether they all differ

  /// A trimmed cell on that line.
  void add(std::string_view cell, int64_t line, const MissingTexts& missing);

  int64_t rows = 0, missing = 0;
  int64_t numbers = 0;     ///< plain and finite
  int64_t texts = 0;       ///< what is neither missing nor a plain number
  int64_t pointed = 0;     ///< numbers whose point cannot divide groups of digits: 1.5
  int64_t dotted = 0;      ///< numbers whose point could: 1.234
  int64_t only_comma = 0;  ///< texts that are numbers if the comma is decimal, else none
  int64_t with_time = 0;   ///< texts that are points in time within a day
  std::array<int64_t, kCellForms> fits = {};  ///< texts that are values of each form
  double low = 0, high = 0;                   ///< of the plain numbers
  bool are_whole = true, all_differ = true;
  bool counts_rows = true;    ///< the cells are 0, 1, 2, .. or 1, 2, 3, ..
  bool loses_in_f32 = false;  ///< a plain number differs from its f32 by more than fits a column
  size_t longest = 0;         ///< bytes of a text
  int64_t infinite = 0;
  bool has_more_texts = false;  ///< more than kMostTexts different ones were met
  const std::map<std::string, std::pair<int64_t, int64_t>, std::less<>>& counts() const {
    return counts_;
  }

 private:
  void add_number(double value, std::string_view cell);
  void add_text(std::string_view cell, int64_t line);
  void count(std::string_view cell, int64_t line);

  std::map<std::string, std::pair<int64_t, int64_t>, std::less<>> counts_;  // and the first line
  std::unordered_set<size_t> seen_;  // hashes, while all differ
  double most_error_ = 0;
};

/// What a column of these cells is.
struct ColumnMeaning {
  enum class Kind { values, text, nothing, words_unknown };
  Kind kind = Kind::values;
  ColumnCode code;
  std::string why, example;             ///< a cell for which the form was chosen
  std::vector<TextCount> unknown = {};  ///< the texts that no form explains, commonest first
};

/// `decimal`: '.' or ',' where the file or the user settles it, else '\0'. `stored`: how a model
/// reads the column, which is kept to wherever its cells allow that.
ColumnMeaning meaning_of(const CellSurvey& survey, char decimal, const ColumnCode* stored);

/// Whether some column can be read with a decimal comma alone (',') or with a decimal point alone
/// ('.'); '\0' when nothing tells, or columns disagree.
char decimal_of(const std::vector<CellSurvey>& columns);

}  // namespace elbo
