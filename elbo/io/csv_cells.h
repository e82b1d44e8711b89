// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "elbo/io/reader.h"

namespace elbo {

/// The ways in which the cells of a column can be numbers. Cells are trimmed.
enum class CellForm {
  number,         ///< 1.5, -2e3
  grouped,        ///< 12,696  1 234.5  1'234  45%  $3.20  (7); the point is decimal
  decimal_comma,  ///< 0,0342  1.234,5  45 %  3,20 €; the comma is decimal
  date,           ///< ISO 8601: 2024-05-01, 2024-05-01T12:30:00.5Z, 2024/5/1, 2024-05
  day_month,      ///< 31.12.2024, 31/12/2024 23:59
  month_day,      ///< 12/31/2024, 12-31-2024
  time_of_day,    ///< 12:30, 23:59:59.5, 1:05 PM
};
inline constexpr size_t kCellForms = 7;
inline constexpr std::array<CellForm, kCellForms> kAllForms = {
    CellForm::number,    CellForm::grouped,   CellForm::decimal_comma, CellForm::date,
    CellForm::day_month, CellForm::month_day, CellForm::time_of_day};

/// As ColumnCode::form stores it: "number", "grouped digits", "decimal comma", "ISO date", ..
const char* form_name(CellForm form);
bool is_date(CellForm form);  ///< whether the value is a point in time

/// The value of a cell of this form: a point in time in seconds since 1970-01-01 00:00 UTC, a time
/// of day in seconds, 45% as 45. Returns false when the cell is not of the form; never infinite or
/// NaN.
bool read_cell(CellForm form, std::string_view cell, double& out);
/// Whether the cell has a value in any form.
bool is_value(std::string_view cell);

/// Whether a cell stands for "not known", in any case: nothing, NA, N/A, NaN, None, null, #N/A, -,
/// ?, .. and others.
bool is_missing_word(std::string_view cell);

/// Of two texts (in any order) those that mean 0 and 1: the "no" and the "yes" of a usual pair,
/// else in the order of the alphabet.
std::vector<std::string> words_in_order(std::string a, std::string b);
/// Whether a text is one of a usual pair of yes and no.
bool is_yes_or_no(std::string_view text);

/// Reads the cells of a column by its code.
class CellReader {
 public:
  explicit CellReader(const ColumnCode& code);
  /// False when the cell is not as the code says. Of words: the two, in any case, and numbers.
  bool read(std::string_view cell, double& out) const;
  bool is_plain() const { return is_plain_; }  ///< whether parse_number does the same

 private:
  CellForm form_ = CellForm::number;
  double unit_ = 1;  // seconds
  std::vector<std::string> words_;
  bool is_plain_ = false;
};

/// The code of a form. in_days: points in time are counted in days, not seconds.
ColumnCode code_of(CellForm form, bool in_days = false);
/// Two words, the first of which is 0 and the second 1.
ColumnCode code_of_words(std::vector<std::string> words);
/// The form of a code; none for words. Throws Error(Code::model) for a form that is unknown.
std::optional<CellForm> form_of(const ColumnCode& code);
/// "numbers", "days since 1970-01-01", "yes = 1, no = 0".
std::string taken_as(const ColumnCode& code);

std::string lower(std::string_view text);  ///< A to Z alone

}  // namespace elbo
