// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/csv_cells.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "elbo/io/csv.h"
#include "elbo/io/text_encoding.h"

namespace elbo {
namespace {

using namespace std::string_view_literals;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The text behind a prefix or before a suffix, where it has one of these.
template <size_t N>
bool strip_start(std::string_view& text, const std::array<std::string_view, N>& starts) {
  for (std::string_view start : starts) {
    if (text.starts_with(start)) return text.remove_prefix(start.size()), true;
  }
  return false;
}

template <size_t N>
bool strip_end(std::string_view& text, const std::array<std::string_view, N>& ends) {
  for (std::string_view end : ends) {
    if (text.ends_with(end)) return text.remove_suffix(end.size()), true;
  }
  return false;
}

// No-break spaces and signs in UTF-8, and some as Windows-1252 spells them.
constexpr std::array kBlanks = {" "sv,   "\t"sv, "\xC2\xA0"sv, "\xE2\x80\xAF"sv, "\xE2\x80\x89"sv,
                                "\xA0"sv};
constexpr std::array kMinus = {"-"sv, "\xE2\x88\x92"sv, "\xE2\x80\x93"sv, "\x96"sv};
constexpr std::array kPlus = {"+"sv};
constexpr std::array kPercent = {"%"sv};
constexpr std::array kCurrencies = {
    "US$"sv,      "$"sv,    "\xE2\x82\xAC"sv, "\x80"sv,         "\xC2\xA3"sv,     "\xA3"sv,
    "\xC2\xA5"sv, "\xA5"sv, "\xE2\x82\xB9"sv, "\xE2\x82\xBD"sv, "\xE2\x82\xA9"sv, "EUR"sv,
    "USD"sv,      "GBP"sv,  "CHF"sv,          "JPY"sv};
constexpr std::array kApostrophes = {"'"sv, "\xE2\x80\x99"sv, "\x92"sv};

void strip_blanks(std::string_view& text) {
  while (strip_start(text, kBlanks) || strip_end(text, kBlanks)) {
  }
}

/// Takes sign, currency, per cent and accountants' brackets off; false when one comes twice.
bool peel(std::string_view& text, bool& is_negative) {
  bool has_sign = false, has_currency = false, has_percent = false;
  auto once = [](bool& has) { return std::exchange(has, true) ? false : true; };
  strip_blanks(text);
  if (text.size() > 2 && text.front() == '(' && text.back() == ')') {
    text = text.substr(1, text.size() - 2);
    is_negative = has_sign = true;
    strip_blanks(text);
  }
  while (true) {
    if (strip_start(text, kMinus)) {
      if (!once(has_sign)) return false;
      is_negative = true;
    } else if (strip_start(text, kPlus)) {
      if (!once(has_sign)) return false;
    } else if (strip_start(text, kCurrencies) || strip_end(text, kCurrencies)) {
      if (!once(has_currency)) return false;
    } else if (strip_end(text, kPercent)) {
      if (!once(has_percent)) return false;
    } else {
      return true;
    }
    strip_blanks(text);
  }
}

/// Moves the digits at the text's start to `to`; returns how many.
size_t take_digits(std::string_view& text, std::string& to) {
  size_t n = 0;
  while (n < text.size() && is_digit(text[n])) ++n;
  to.append(text.substr(0, n));
  text.remove_prefix(n);
  return n;
}

/// What stands between groups of digits at the text's start, or "".
std::string_view separator_at(std::string_view text, char decimal) {
  std::string_view before = text;
  bool is_mark = !text.empty() && text[0] == (decimal == '.' ? ',' : '.');
  if (is_mark) return text.substr(0, 1);
  if (strip_start(text, kBlanks) || strip_start(text, kApostrophes)) {
    return before.substr(0, before.size() - text.size());
  }
  return "";
}

/// Groups of three digits behind the first; of two before the last three too where commas divide
/// them (1,23,456). False when they are not groups.
bool take_groups(std::string_view& text, char decimal, std::string& to) {
  std::string_view separator = separator_at(text, decimal);
  if (separator.empty()) return true;
  if (to.size() > 3 || to[0] == '0') return false;
  size_t last = 0;
  while (text.starts_with(separator)) {
    text.remove_prefix(separator.size());
    if (last != 0 && last != 3 && separator != ",") return false;
    last = take_digits(text, to);
    if (last != 3 && last != 2) return false;
  }
  return last == 3;
}

bool read_decorated(std::string_view text, char decimal, double& out) {
  if (text.size() > 60) return false;
  bool is_negative = false;
  if (!peel(text, is_negative)) return false;
  std::string plain;
  size_t whole = take_digits(text, plain);
  if (whole > 0 && !take_groups(text, decimal, plain)) return false;
  if (!text.empty() && text[0] == decimal) {
    text.remove_prefix(1);
    plain += '.';
    if (take_digits(text, plain) + whole == 0) return false;
  }
  if (plain.empty()) return false;
  if (text.size() > 1 && (text[0] == 'e' || text[0] == 'E')) {
    plain += 'e';
    text.remove_prefix(1);
    if (text[0] == '-' || text[0] == '+') {
      if (text[0] == '-') plain += '-';
      text.remove_prefix(1);
    }
    if (take_digits(text, plain) == 0) return false;
  }
  if (!text.empty() || !parse_number(plain, out)) return false;
  if (is_negative) out = -out;
  return std::isfinite(out);
}

/// Days from 1970-01-01 to a date of the Gregorian calendar (Hinnant, days_from_civil).
int64_t days_since_1970(int64_t y, int64_t m, int64_t d) {
  y -= m <= 2;
  int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
  int64_t of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

bool is_date_of(int64_t y, int64_t m, int64_t d) {
  constexpr std::array<int64_t, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (m < 1 || m > 12 || d < 1) return false;
  bool is_leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
  return d <= kDays[static_cast<size_t>(m - 1)] + (m == 2 && is_leap);
}

/// Takes a whole number of so many digits; more of them stay.
bool take_number(std::string_view& text, size_t least, size_t most, int64_t& out) {
  size_t n = 0;
  out = 0;
  while (n < text.size() && n < most && is_digit(text[n])) out = 10 * out + (text[n++] - '0');
  if (n < least) return false;
  text.remove_prefix(n);
  return true;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

/// HH:MM, HH:MM:SS or HH:MM:SS.f, with AM or PM behind it or not, in seconds.
bool take_time(std::string_view& text, double& seconds) {
  int64_t hour = 0, minute = 0, second = 0;
  if (!take_number(text, 1, 2, hour) || !take(text, ':') || !take_number(text, 2, 2, minute)) {
    return false;
  }
  double fraction = 0;
  if (take(text, ':')) {
    if (!take_number(text, 2, 2, second)) return false;
    if (!text.empty() && (text[0] == '.' || text[0] == ',')) {
      std::string digits = "0.";
      text.remove_prefix(1);
      if (take_digits(text, digits) == 0 || !parse_number(digits, fraction)) return false;
    }
  }
  std::string half = lower(trim(text));
  if (half == "am" || half == "pm") {
    if (hour < 1 || hour > 12) return false;
    hour = hour % 12 + (half == "pm" ? 12 : 0);
    text = {};
  }
  seconds = static_cast<double>(3600 * hour + 60 * minute + second) + fraction;
  return hour <= 24 && minute < 60 && second <= 60 && seconds <= 86400;
}

/// Z, +02, +0200 or +02:00 where it stands there; the seconds by which it is ahead of UTC.
bool take_zone(std::string_view& text, double& ahead) {
  if (take(text, 'Z') || take(text, 'z')) return true;
  bool is_ahead = take(text, '+');
  if (!is_ahead && !take(text, '-')) return true;
  int64_t hours = 0, minutes = 0;
  if (!take_number(text, 2, 2, hours)) {
    return false;
  }
  if (take(text, ':') || !text.empty()) {
    if (!take_number(text, 2, 2, minutes)) return false;
  }
  ahead = static_cast<double>(3600 * hours + 60 * minutes) * (is_ahead ? 1 : -1);
  return hours <= 15 && minutes < 60;
}

bool finish_date(std::string_view text, int64_t y, int64_t m, int64_t d, double& out) {
  if (!is_date_of(y, m, d)) return false;
  double seconds = 0, ahead = 0;
  if (!text.empty()) {
    if (!take(text, 'T') && !take(text, ' ')) return false;
    while (take(text, ' ')) {
    }
    if (!take_time(text, seconds)) return false;
    while (take(text, ' ')) {
    }
    if (!take_zone(text, ahead) || !text.empty()) return false;
  }
  out = 86400 * static_cast<double>(days_since_1970(y, m, d)) + seconds - ahead;
  return true;
}

bool read_iso_date(std::string_view text, double& out) {
  int64_t y = 0, m = 0, d = 1;
  if (!take_number(text, 4, 4, y) || text.empty()) return false;
  char mark = text[0];
  if (mark != '-' && mark != '/' && mark != '.') return false;
  text.remove_prefix(1);
  if (!take_number(text, 1, 2, m)) return false;
  bool is_month = text.empty() && mark == '-';
  if (is_month) return finish_date(text, y, m, d, out);
  return take(text, mark) && take_number(text, 1, 2, d) && finish_date(text, y, m, d, out);
}

/// Two numbers of which one is the month, and the year.
bool read_year_last(std::string_view text, bool day_first, double& out) {
  int64_t a = 0, b = 0, y = 0;
  if (!take_number(text, 1, 2, a) || text.empty()) return false;
  char mark = text[0];
  bool is_known = mark == '/' || mark == '-' || (mark == '.' && day_first);
  if (!is_known) return false;
  text.remove_prefix(1);
  if (!take_number(text, 1, 2, b) || !take(text, mark) || !take_number(text, 4, 4, y)) return false;
  return day_first ? finish_date(text, y, b, a, out) : finish_date(text, y, a, b, out);
}

bool read_time_of_day(std::string_view text, double& out) {
  return take_time(text, out) && text.empty();
}

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

const char* form_name(CellForm form) {
  static constexpr const char* kNames[kCellForms] = {
      "number",           "grouped digits",   "decimal comma", "ISO date",
      "day before month", "month before day", "time of day"};
  return kNames[static_cast<size_t>(form)];
}

bool is_date(CellForm form) {
  return form == CellForm::date || form == CellForm::day_month || form == CellForm::month_day;
}

bool read_cell(CellForm form, std::string_view cell, double& out) {
  switch (form) {
    case CellForm::number:
      return parse_number(cell, out) && std::isfinite(out);
    case CellForm::grouped:
      return read_decorated(cell, '.', out);
    case CellForm::decimal_comma:
      return read_decorated(cell, ',', out);
    case CellForm::date:
      return read_iso_date(cell, out);
    case CellForm::day_month:
      return read_year_last(cell, true, out);
    case CellForm::month_day:
      return read_year_last(cell, false, out);
    case CellForm::time_of_day:
      return read_time_of_day(cell, out);
  }
  return false;
}

bool is_value(std::string_view cell) {
  double ignored = 0;
  return std::any_of(kAllForms.begin(), kAllForms.end(),
                     [&](CellForm form) { return read_cell(form, cell, ignored); });
}

bool is_missing_word(std::string_view cell) {
  static constexpr std::array kWords = {""sv,
                                        "na"sv,
                                        "n/a"sv,
                                        "#n/a"sv,
                                        "nan"sv,
                                        "none"sv,
                                        "null"sv,
                                        "-"sv,
                                        "?"sv,
                                        "--"sv,
                                        "---"sv,
                                        "."sv,
                                        ".."sv,
                                        "..."sv,
                                        "n.a."sv,
                                        "n.a"sv,
                                        "#na"sv,
                                        "<na>"sv,
                                        "nil"sv,
                                        "missing"sv,
                                        "(null)"sv,
                                        "#null!"sv,
                                        "#div/0!"sv,
                                        "#value!"sv,
                                        "#ref!"sv,
                                        "#name?"sv,
                                        "#num!"sv,
                                        "#n/a n/a"sv,
                                        "-nan"sv,
                                        "1.#qnan"sv,
                                        "-1.#ind"sv,
                                        "1.#ind"sv,
                                        "\\n"sv,
                                        "??"sv,
                                        "???"sv,
                                        "\xE2\x80\x93"sv,
                                        "\xE2\x80\x94"sv};
  if (cell.size() > 8) return false;
  std::string text = lower(cell);
  return std::find(kWords.begin(), kWords.end(), text) != kWords.end();
}

namespace {

struct Pair {
  std::string_view no, yes;
};
constexpr std::array kPairs = {Pair{"no", "yes"},           Pair{"n", "y"},
                               Pair{"false", "true"},       Pair{"f", "t"},
                               Pair{"off", "on"},           Pair{"negative", "positive"},
                               Pair{"neg", "pos"},          Pair{"absent", "present"},
                               Pair{"disabled", "enabled"}, Pair{"inactive", "active"},
                               Pair{"nein", "ja"},          Pair{"non", "oui"},
                               Pair{"low", "high"},         Pair{"fail", "pass"},
                               Pair{"failed", "passed"},    Pair{"unchecked", "checked"}};

}  // namespace

std::vector<std::string> words_in_order(std::string a, std::string b) {
  std::string x = lower(a), y = lower(b);
  for (const Pair& pair : kPairs) {
    if (x == pair.no && y == pair.yes) return {a, b};
    if (x == pair.yes && y == pair.no) return {b, a};
  }
  if (b < a) std::swap(a, b);
  return {a, b};
}

bool is_yes_or_no(std::string_view text) {
  std::string word = lower(text);
  return std::any_of(kPairs.begin(), kPairs.end(),
                     [&](const Pair& p) { return p.no == word || p.yes == word; });
}

ColumnCode code_of(CellForm form, bool in_days) {
  ColumnCode out{form_name(form), {}};
  if (is_date(form)) out.words = {in_days ? "days" : "seconds"};
  return out;
}

ColumnCode code_of_words(std::vector<std::string> words) { return {"words", std::move(words)}; }

std::optional<CellForm> form_of(const ColumnCode& code) {
  if (code.form == "words") return std::nullopt;
  for (CellForm form : kAllForms) {
    if (code.form == form_name(form)) return form;
  }
  fail(Code::model, "a column of form '{}', which this elbo does not know\nUse a newer elbo.",
       code.form);
}

std::string taken_as(const ColumnCode& code) {
  std::optional<CellForm> form = form_of(code);
  if (!form) return fmt::format("{} = 1, {} = 0", code.words.at(1), code.words.at(0));
  if (is_date(*form)) return fmt::format("{} since 1970-01-01", code.words.at(0));
  switch (*form) {
    case CellForm::grouped:
      return "numbers with signs or grouped digits";
    case CellForm::decimal_comma:
      return "numbers with a decimal comma";
    case CellForm::time_of_day:
      return "seconds of the day";
    default:
      return "numbers";
  }
}

CellReader::CellReader(const ColumnCode& code) : words_(code.words) {
  std::optional<CellForm> form = form_of(code);
  size_t expected = !form ? 2 : is_date(*form) ? 1 : 0;
  ELBO_CHECK(words_.size() == expected, Code::model, "a column of form '{}' with {} words, not {}",
             code.form, words_.size(), expected);
  if (!form) return;
  form_ = *form;
  if (is_date(form_) && words_[0] == "days") unit_ = 86400;
  words_.clear();
  is_plain_ = form_ == CellForm::number;
}

bool CellReader::read(std::string_view cell, double& out) const {
  if (words_.empty()) {
    if (!read_cell(form_, cell, out)) return false;
    out /= unit_;
    return true;
  }
  bool was_not_utf8 = false;
  std::string text = to_utf8(cell, was_not_utf8);
  for (size_t i = 0; i < 2; ++i) {
    if (text == words_[i]) return out = static_cast<double>(i), true;
  }
  std::string folded = lower(text);
  for (size_t i = 0; i < 2; ++i) {
    if (folded == lower(words_[i])) return out = static_cast<double>(i), true;
  }
  return read_cell(CellForm::number, cell, out);
}

}  // namespace elbo
