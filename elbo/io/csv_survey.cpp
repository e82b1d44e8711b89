// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/csv_survey.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "elbo/io/csv.h"
#include "elbo/io/raw.h"
#include "elbo/io/text_encoding.h"

namespace elbo {
namespace {

constexpr size_t kLongestText = 60;      // bytes of a text that are kept
constexpr size_t kMostUnknown = 20;      // different texts among numbers that may be mistakes
constexpr double kShareOfNumbers = 0.5;  // of a column of numbers with texts among them

size_t index_of(CellForm form) { return static_cast<size_t>(form); }

}  // namespace

MissingTexts::MissingTexts(const std::vector<std::string>& added) : texts_(added) {
  double value = 0;
  for (const std::string& text : added) {
    if (read_cell(CellForm::number, text, value)) numbers_.push_back(value);
  }
}

bool MissingTexts::operator()(std::string_view cell) const {
  if (is_missing_word(cell)) return true;
  if (texts_.empty()) return false;
  bool was_not_utf8 = false;
  std::string text = to_utf8(cell.substr(0, 1000), was_not_utf8);
  if (std::find(texts_.begin(), texts_.end(), text) != texts_.end()) return true;
  double value = 0;
  return has_numbers() && read_cell(CellForm::number, cell, value) && contains(value);
}

bool MissingTexts::contains(double value) const {
  return std::find(numbers_.begin(), numbers_.end(), value) != numbers_.end();
}

void CellSurvey::add(std::string_view cell, int64_t line, const MissingTexts& is_missing) {
  ++rows;
  all_differ = all_differ && (is_id_like || numbers == 0);
  if (all_differ) {
    all_differ = seen_.insert(std::hash<std::string_view>()(cell)).second;
  }
  if (!all_differ) seen_ = {};
  if (is_missing(cell)) {
    ++missing;
    counts_rows = false;
    return;
  }
  double value = 0;
  if (!parse_number(cell, value)) return add_text(cell, line);
  if (std::isfinite(value)) return add_number(value, cell);
  counts_rows = false;
  ++infinite;
  count(cell, line);
}

void CellSurvey::add_number(double value, std::string_view cell) {
  low = numbers == 0 ? value : std::min(low, value);
  high = numbers == 0 ? value : std::max(high, value);
  most_error_ =
      std::max(most_error_, std::abs(value - static_cast<double>(static_cast<float>(value))));
  loses_in_f32 = elbo::loses_in_f32(most_error_, low, high);
  ++numbers;
  are_whole = are_whole && value == std::floor(value);
  counts_rows =
      counts_rows && value == low + static_cast<double>(rows - 1) && (low == 0 || low == 1);
  if (cell.find('.') == std::string_view::npos) return;
  double ignored = 0;
  ++(read_cell(CellForm::decimal_comma, cell, ignored) ? dotted : pointed);
}

void CellSurvey::add_text(std::string_view cell, int64_t line) {
  ++texts;
  counts_rows = false;
  longest = std::max(longest, cell.size());
  double value = 0;
  std::array<bool, kCellForms> is_form = {};
  for (CellForm form : kAllForms) {
    is_form[index_of(form)] = read_cell(form, cell, value);
    fits[index_of(form)] += is_form[index_of(form)];
    if (is_form[index_of(form)] && is_date(form)) {
      with_time += cell.find(':') != std::string_view::npos;
    }
  }
  only_comma += is_form[index_of(CellForm::decimal_comma)] && !is_form[index_of(CellForm::grouped)];
  count(cell, line);
}

void CellSurvey::count(std::string_view cell, int64_t line) {
  bool was_not_utf8 = false;
  std::string text = to_utf8(cell.substr(0, kLongestText), was_not_utf8);
  auto it = counts_.find(text);
  if (it != counts_.end()) {
    ++it->second.first;
  } else if (counts_.size() < kMostTexts) {
    counts_.emplace(std::move(text), std::pair(int64_t{1}, line));
  } else {
    has_more_texts = true;
  }
}

namespace {

/// The different texts but for case, as they were met first; none when they are more than two.
std::vector<std::string> two_words(const CellSurvey& survey) {
  std::vector<std::string> out;
  std::set<std::string> folded;
  if (survey.has_more_texts || survey.longest >= kLongestText) return {};
  if (survey.counts().size() == 2) {
    for (const auto& [text, count] : survey.counts()) out.push_back(text);
    return out;
  }
  for (const auto& [text, count] : survey.counts()) {
    if (folded.insert(lower(text)).second) out.push_back(text);
    if (folded.size() > 2) return {};
  }
  return out;
}

std::vector<TextCount> unknown_texts(const CellSurvey& survey, CellForm form) {
  std::vector<TextCount> out;
  double ignored = 0;
  for (const auto& [text, count] : survey.counts()) {
    if (!read_cell(form, text, ignored)) out.push_back({text, count.first, count.second});
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const auto& a, const auto& b) { return a.count > b.count; });
  return out;
}

/// Whether every cell that is not missing is a value of the form; plain numbers are values of those
/// that are no dates.
bool fits_all(const CellSurvey& s, CellForm form) {
  bool takes_numbers = form == CellForm::number || form == CellForm::grouped ||
                       (form == CellForm::decimal_comma && s.pointed == 0);
  bool is_so = s.fits[index_of(form)] == s.texts && (s.numbers == 0 || takes_numbers);
  return is_so && s.texts + s.numbers > 0;
}

ColumnCode code_for(const CellSurvey& s, CellForm form) {
  return code_of(form, is_date(form) && s.with_time == 0);
}

/// The form among those of numbers, dates and times that explains every cell.
std::optional<CellForm> only_form(const CellSurvey& s, char decimal) {
  bool grouped = fits_all(s, CellForm::grouped), comma = fits_all(s, CellForm::decimal_comma);
  if (s.texts == 0) {
    bool is_comma = decimal == ',' && s.pointed == 0 && s.dotted > 0;
    return is_comma ? CellForm::decimal_comma : CellForm::number;
  }
  if (comma && (decimal == ',' || (!grouped && decimal != '.'))) return CellForm::decimal_comma;
  if (grouped) return CellForm::grouped;
  for (CellForm form : {CellForm::date, CellForm::time_of_day}) {
    if (fits_all(s, form)) return form;
  }
  bool day_first = fits_all(s, CellForm::day_month), month_first = fits_all(s, CellForm::month_day);
  if (day_first != month_first) return day_first ? CellForm::day_month : CellForm::month_day;
  return std::nullopt;
}

/// A text for which a form was chosen, so that it can be shown.
std::string example_of(const CellSurvey& s) {
  return s.texts == 0 ? "" : s.counts().begin()->first;
}

/// A stored code that explains every cell.
bool explains(const ColumnCode& code, const CellSurvey& s) {
  if (s.infinite > 0) return false;
  std::optional<CellForm> form = form_of(code);
  if (form) return fits_all(s, *form) || (s.texts + s.numbers == 0);
  CellReader reader(code);
  double ignored = 0;
  return !s.has_more_texts && std::all_of(s.counts().begin(), s.counts().end(), [&](auto& text) {
    return reader.read(text.first, ignored);
  });
}

ColumnMeaning unknown_to(const ColumnCode& code, const CellSurvey& s) {
  ColumnMeaning out{ColumnMeaning::Kind::words_unknown, code, "", ""};
  CellReader reader(code);
  double ignored = 0;
  for (const auto& [text, count] : s.counts()) {
    if (!reader.read(text, ignored)) out.unknown.push_back({text, count.first, count.second});
  }
  return out;
}

}  // namespace

ColumnMeaning meaning_of(const CellSurvey& s, char decimal, const ColumnCode* stored) {
  using Kind = ColumnMeaning::Kind;
  if (stored && explains(*stored, s)) return {Kind::values, *stored, "as the model reads it", ""};
  if (stored && stored->form == "words") return unknown_to(*stored, s);
  if (s.infinite > 0 && (s.numbers > 0 || s.texts == 0)) return unknown_to({}, s);
  if (s.numbers + s.texts == 0) return {Kind::nothing, {}, "", ""};
  if (auto form = only_form(s, decimal)) {
    std::string why = *form == CellForm::number ? "" : form_name(*form);
    return {Kind::values, code_for(s, *form), why, example_of(s)};
  }
  std::vector<std::string> words = two_words(s);
  if (words.size() == 2 && s.numbers + s.texts > 2) {
    bool are_bits = s.are_whole && s.low >= 0 && s.high <= 1 && is_yes_or_no(words[0]) &&
                    is_yes_or_no(words[1]);
    if (s.numbers == 0 || are_bits) {
      return {Kind::values, code_of_words(words_in_order(words[0], words[1])), "two texts", ""};
    }
  }
  CellForm form = decimal == ',' && s.pointed == 0          ? CellForm::decimal_comma
                  : s.fits[index_of(CellForm::grouped)] > 0 ? CellForm::grouped
                                                            : CellForm::number;
  for (CellForm other : {CellForm::date, CellForm::day_month, CellForm::month_day}) {
    if (s.fits[index_of(other)] > s.fits[index_of(form)] + s.numbers) form = other;
  }
  bool ambiguous = fits_all(s, CellForm::day_month) && fits_all(s, CellForm::month_day);
  int64_t known = s.fits[index_of(form)] + (is_date(form) ? 0 : s.numbers);
  int64_t all = s.numbers + s.texts;
  std::vector<TextCount> unknown = unknown_texts(s, form);
  bool are_few = unknown.size() <= kMostUnknown && !s.has_more_texts;
  bool is_numeric = static_cast<double>(known) >= kShareOfNumbers * static_cast<double>(all) &&
                    (are_few || 20 * (all - known) <= all);
  if (is_numeric && !ambiguous) {
    return {Kind::words_unknown, code_for(s, form), "", "", std::move(unknown)};
  }
  std::string why;
  if (ambiguous) {
    why = "dates of which nothing tells whether day or month comes first";
  } else if (s.numbers > 0) {
    why = fmt::format("{} cells are no numbers", s.texts);
  }
  return {Kind::text, {}, why, ""};
}

char decimal_of(const std::vector<CellSurvey>& columns) {
  bool comma = false, point = false;
  for (const CellSurvey& s : columns) {
    comma = comma || (s.only_comma > 0 && fits_all(s, CellForm::decimal_comma));
    point = point || s.pointed > 0;
  }
  return comma && !point ? ',' : point && !comma ? '.' : '\0';
}

}  // namespace elbo
