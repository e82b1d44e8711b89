// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/csv_plan.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "elbo/core/fields.h"
#include "elbo/core/metric.h"
#include "elbo/io/raw.h"

namespace elbo {
namespace {

constexpr size_t kLongestId = 100;  // bytes of a text that may be an id

/// As it can be typed in a shell.
std::string shell_word(const std::string& text) {
  auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == ',' || c == '.' ||
           c == '-';
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return text;
  std::string out = "'";
  for (char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

/// Finds columns by what the user or a model calls them.
class Columns {
 public:
  Columns(const CsvFormat& format, const std::string& where) : format_(format), where_(where) {}

  /// By name, by number from 1, or as "column 3" in a table without names.
  std::optional<size_t> find(const std::string& name) const {
    const auto& header = format_.header;
    auto it = std::find(header.begin(), header.end(), name);
    if (it != header.end()) return static_cast<size_t>(it - header.begin());
    std::string_view digits = name;
    if (digits.starts_with("column ")) digits.remove_prefix(7);
    size_t number = 0;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    bool is_number = error == std::errc{} && end == digits.data() + digits.size();
    if (!is_number || number < 1 || number > format_.columns) return std::nullopt;
    return number - 1;
  }

  /// Throws Error(Code::usage) when there is no such column; `use` is what it was named for.
  size_t need(const std::string& name, std::string_view use) const {
    if (auto found = find(name)) return *found;
    if (format_.header.empty()) {
      fail(Code::usage,
           "{}: {} '{}': the file has no header, expected a column number from 1 to {}\n"
           "If its first row names the columns: --reader csv --reader.header yes",
           where_, use, name, format_.columns);
    }
    fail(Code::usage, "{}: {}: no column '{}'{}", where_, use, name,
         suggestion(name, format_.header));
  }

  std::string name(size_t column) const {
    return format_.header.empty() ? fmt::format("column {}", column + 1) : format_.header[column];
  }

 private:
  const CsvFormat& format_;
  const std::string& where_;
};

/// Makes a plan step by step: what was said, ids, what the cells mean.
class Planner {
 public:
  Planner(const CsvFormat& format, const std::string& where, const CsvOptions& options,
          const ReadRequest& request, const std::vector<CellSurvey>& surveys)
      : format_(format),
        where_(where),
        request_(request),
        surveys_(surveys),
        columns_(format, where),
        decimal_(options.decimal == "auto" ? decimal_of(surveys) : options.decimal[0]) {}

  TablePlan make() {
    for (size_t c = 0; c < format_.columns; ++c) {
      plan_.columns.emplace_back();
      plan_.columns[c].name = columns_.name(c);
    }
    leave_out_dropped();
    find_target();
    take_named_id();
    if (!request_.columns.empty()) take_model_columns();
    if (request_.columns.empty() && !request_.features.empty()) take_named_features();
    if (!plan_.id && request_.id != kNoTarget) find_id();
    for (size_t c = 0; c < format_.columns; ++c) give_meaning(c);
    if (request_.columns.empty()) {
      for (size_t c = 0; c < format_.columns; ++c) {
        if (plan_.columns[c].role == ColumnRole::feature) plan_.features.push_back(c);
      }
    }
    return std::move(plan_);
  }

 private:
  ColumnPlan& at(size_t c) { return plan_.columns[c]; }
  bool is_free(size_t c) { return at(c).role == ColumnRole::feature && !at(c).was_named; }

  void leave_out(size_t c, std::string taken_as, std::string why) {
    at(c).role = ColumnRole::left_out;
    at(c).taken_as = std::move(taken_as);
    at(c).why = std::move(why);
  }

  bool is_of_model(size_t c) const {
    return std::find(request_.columns.begin(), request_.columns.end(), columns_.name(c)) !=
           request_.columns.end();
  }

  void leave_out_dropped() {
    for (const std::string& name : request_.drop) {
      bool may_lack = !request_.columns.empty();
      if (may_lack && !columns_.find(name)) continue;
      size_t c = columns_.need(name, "drop");
      if (!is_of_model(c)) leave_out(c, "", "--drop");
    }
  }

  void find_target() {
    const std::string& asked = request_.target;
    if (asked.empty()) return find_usual_target();
    std::optional<size_t> found = columns_.find(asked);
    if (!found && (asked == kNoTarget || request_.target_may_lack)) return;
    size_t c = columns_.need(asked, "target");
    ELBO_CHECK(at(c).role == ColumnRole::feature, Code::usage,
               "{}: column '{}' is both the target and dropped", where_, at(c).name);
    at(c).was_named = true;
    set_target(c);
  }

  void find_usual_target() {
    for (const char* usual : {"label", "class", "target", "y"}) {
      for (size_t c = 0; c < format_.header.size(); ++c) {
        if (lower(format_.header[c]) == usual && is_free(c) && !is_of_model(c)) {
          return set_target(c);
        }
      }
    }
  }

  void set_target(size_t c) {
    at(c).role = ColumnRole::target;
    plan_.target = c;
  }

  void take_named_id() {
    const std::string& asked = request_.id;
    if (asked.empty() || (asked == kNoTarget && !columns_.find(asked))) return;
    if (!columns_.find(asked) && request_.target_may_lack) return;
    size_t c = columns_.need(asked, "id");
    ELBO_CHECK(c != plan_.target, Code::usage, "{}: column '{}' is both the target and the id",
               where_, at(c).name);
    at(c).was_named = true;
    set_id(c, "--id");
  }

  void set_id(size_t c, std::string why) {
    at(c).role = ColumnRole::id;
    at(c).taken_as = "the rows' names";
    at(c).why = std::move(why);
    plan_.id = c;
  }

  void take_model_columns() {
    std::vector<std::string> lacking;
    std::vector<bool> is_taken(format_.columns);
    for (const std::string& name : request_.columns) {
      std::optional<size_t> found = columns_.find(name);
      bool is_there = found && !is_taken[*found] && at(*found).role == ColumnRole::feature;
      if (!is_there) {
        lacking.push_back(name);
        continue;
      }
      is_taken[*found] = at(*found).was_named = true;
      plan_.features.push_back(*found);
    }
    ELBO_CHECK(lacking.empty(), Code::data, "{}: lacks {} that the model takes: {}\nIt takes {}.{}",
               where_, lacking.size() == 1 ? "a column" : "columns", names_text(lacking),
               names_text(request_.columns),
               format_.header.empty() ? "\nIf the first row names the columns: --set "
                                        "data.reader={type=\"csv\",header=\"yes\"}"
                                      : "");
  }

  void take_named_features() {
    std::vector<bool> is_asked(format_.columns);
    for (const std::string& name : request_.features) {
      size_t c = columns_.need(name, "columns");
      ELBO_CHECK(at(c).role == ColumnRole::feature, Code::usage,
                 "{}: column '{}' is both among --columns and the target, the id or dropped",
                 where_, at(c).name);
      is_asked[c] = at(c).was_named = true;
    }
    for (size_t c = 0; c < format_.columns; ++c) {
      if (is_free(c) && !is_asked[c]) leave_out(c, "", "not among --columns");
    }
  }

  /// Texts that all differ name the rows; else a column that counts them does.
  void find_id() {
    std::vector<size_t> counting;
    bool has_others = !request_.columns.empty();
    for (size_t c = 0; c < format_.columns; ++c) {
      bool is_other = at(c).role == ColumnRole::left_out && at(c).why != "--drop";
      if (!is_free(c) && !is_other) continue;
      if (!plan_.id && are_names(surveys_[c])) {
        set_id(c, "texts that all differ");
        at(c).must_differ = true;
      } else if (is_free(c)) {
        is_index(c) ? counting.push_back(c) : void(has_others = true);
      }
    }
    if (!has_others) return;
    for (size_t c : counting) {
      const CellSurvey& s = surveys_[c];
      at(c).must_count = s.counts_rows;
      at(c).must_differ = !s.counts_rows;
      std::string why = s.counts_rows ? fmt::format("it counts the rows from {}", s.low)
                                      : "whole numbers that all differ, in a column of that name";
      plan_.id ? leave_out(c, "row numbers", why) : set_id(c, why);
    }
  }

  static bool are_names(const CellSurvey& s) {
    return s.numbers == 0 && s.rows > 0 && s.texts == s.rows && s.all_differ &&
           s.longest <= kLongestId && !has_form(s);
  }

  /// Whether texts are values of some form, such as dates.
  static bool has_form(const CellSurvey& s) {
    return std::any_of(s.fits.begin(), s.fits.end(), [&](int64_t n) { return n == s.texts; });
  }

  bool is_index(size_t c) {
    const CellSurvey& s = surveys_[c];
    if (!may_be_id(format_, c) || s.texts + s.missing + s.infinite > 0 || !s.are_whole)
      return false;
    size_t least = format_.header.empty() ? 5 : 2;
    if (static_cast<size_t>(s.rows) < least) return false;
    if (s.counts_rows) return true;
    std::string name = lower(at(c).name);
    bool is_nameless = c == 0 && format_.has_row_names;
    return s.all_differ && (is_nameless || name == "id" || name.starts_with("unnamed: "));
  }

  const ColumnCode* stored_code(size_t c) const {
    if (request_.codes.size() != request_.columns.size()) return nullptr;
    for (size_t i = 0; i < plan_.features.size(); ++i) {
      if (plan_.features[i] == c) return &request_.codes[i];
    }
    return nullptr;
  }

  void give_meaning(size_t c) {
    ColumnPlan& column = at(c);
    const CellSurvey& s = surveys_[c];
    if (column.role == ColumnRole::id) return;
    column.meaning = meaning_of(s, decimal_, stored_code(c));
    if (column.role == ColumnRole::target) return give_target_meaning(c);
    using Kind = ColumnMeaning::Kind;
    Kind kind = column.meaning.kind;
    std::string texts = fmt::format("texts, {}{} different", s.has_more_texts ? "more than " : "",
                                    s.counts().size());
    if (column.role == ColumnRole::left_out) {
      if (!column.taken_as.empty()) return;
      column.taken_as = kind == Kind::values    ? taken_as(column.meaning.code)
                        : kind == Kind::nothing ? "nothing"
                                                : texts;
      return;
    }
    column.why = column.meaning.why;
    if (kind == Kind::values) {
      column.taken_as = taken_as(column.meaning.code);
    } else if (kind == Kind::nothing) {
      bool is_of_model = column.was_named && !request_.columns.empty();
      if (!is_of_model) leave_out(c, "nothing", "every cell is missing");
    } else if (kind == Kind::text && !column.was_named) {
      bool is_free_of_model = !request_.columns.empty();
      leave_out(c, texts,
                is_free_of_model     ? "the model does not take it"
                : column.why.empty() ? "texts cannot be modelled yet"
                                     : column.why);
    } else if (kind == Kind::text) {
      column.meaning.kind = Kind::words_unknown;
      for (const auto& [text, count] : s.counts()) {
        column.meaning.unknown.push_back({text, count.first, count.second});
      }
    }
    if (column.role == ColumnRole::feature && !request_.columns.empty() && !column.was_named) {
      leave_out(c, column.taken_as, "the model does not take it");
    }
  }

  void give_target_meaning(size_t c) {
    using Kind = ColumnMeaning::Kind;
    ColumnPlan& column = at(c);
    bool are_words = column.meaning.kind == Kind::values && column.meaning.code.form == "words";
    plan_.target_is_text = are_words || column.meaning.kind == Kind::text;
    column.taken_as = plan_.target_is_text ? "classes" : taken_as(column.meaning.code);
    column.why = column.was_named ? "--target" : "its name";
  }

  const CsvFormat& format_;
  const std::string& where_;
  const ReadRequest& request_;
  const std::vector<CellSurvey>& surveys_;
  Columns columns_;
  char decimal_;
  TablePlan plan_;
};

}  // namespace

bool may_be_id(const CsvFormat& format, size_t column) {
  static constexpr std::array kNames = {
      "id",     "index",  "idx",        "row",         "rowid",    "row_id",
      "row id", "rownum", "row_number", "row number",  "rownames", "row.names",
      "no",     "no.",    "nr",         "nr.",         "#",        "s.no",
      "sno",    "s.no.",  "serial",     "observation", "obs"};
  if (column == 0 && (format.header.empty() || format.has_row_names)) return true;
  if (format.header.empty()) return false;
  std::string name = lower(format.header[column]);
  return name.starts_with("unnamed: ") ||
         std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

TablePlan plan_table(const CsvFormat& format, const std::string& where, const CsvOptions& options,
                     const ReadRequest& request, const std::vector<CellSurvey>& surveys) {
  return Planner(format, where, options, request, surveys).make();
}

void check_has_features(const TablePlan& plan, const std::string& where) {
  if (!plan.features.empty()) return;
  std::vector<std::string> texts, nothing;
  for (const ColumnPlan& column : plan.columns) {
    bool are_texts = column.taken_as.starts_with("texts") ||
                     (column.role == ColumnRole::id && !column.was_named && !column.must_count);
    if (are_texts) texts.push_back(column.name);
    if (column.taken_as == "nothing") nothing.push_back(column.name);
  }
  std::string found;
  if (!texts.empty()) found += fmt::format("; texts in {}", names_text(texts));
  if (!nothing.empty()) found += fmt::format("; nothing in {}", names_text(nothing));
  fail(Code::data,
       "{}: no columns are left to model beside the target, the id and those dropped{}\n"
       "A model needs a column of numbers, of dates, or of two texts such as yes and no.",
       where, found);
}

std::vector<size_t> columns_with_unknown(const TablePlan& plan) {
  std::vector<size_t> out;
  for (size_t c = 0; c < plan.columns.size(); ++c) {
    bool is_read =
        plan.columns[c].role == ColumnRole::feature || plan.columns[c].role == ColumnRole::target;
    bool is_unknown = plan.columns[c].meaning.kind == ColumnMeaning::Kind::words_unknown;
    if (is_read && is_unknown) out.push_back(c);
  }
  return out;
}

void refuse_unknown(const TablePlan& plan, const std::string& where,
                    const std::vector<std::string>& missing, bool for_model) {
  constexpr size_t kTextsShown = 10, kTextsInHint = 50, kCutText = 60;
  std::vector<std::string> words = missing, names;
  std::string lines;
  int64_t first_line = 0;
  bool has_target = false, can_be_missing = true;
  for (size_t c : columns_with_unknown(plan)) {
    const std::vector<TextCount>& unknown = plan.columns[c].meaning.unknown;
    std::string list;
    for (size_t i = 0; i < unknown.size(); ++i) {
      const auto& [text, count, line] = unknown[i];
      if (first_line == 0 || line < first_line) first_line = line;
      can_be_missing = can_be_missing && text.size() < kCutText;
      if (std::find(words.begin(), words.end(), text) == words.end()) words.push_back(text);
      if (i >= kTextsShown) continue;
      list += fmt::format("{}'{}' in {}", i ? ", " : "", text, counted(count, "row"));
    }
    if (unknown.size() > kTextsShown) {
      list += fmt::format(" and {} other texts", unknown.size() - kTextsShown);
    }
    lines += fmt::format("\n'{}' ({}): {}", plan.columns[c].name,
                         taken_as(plan.columns[c].meaning.code), list);
    names.push_back(plan.columns[c].name);
    has_target = has_target || c == plan.target;
  }
  can_be_missing = can_be_missing && !has_target && words.size() <= kTextsInHint;
  std::string hint = "\nMend the cells, or ";
  if (can_be_missing && !for_model) {
    hint += fmt::format("count these texts as missing: --reader csv --reader.missing {}\nOr ",
                        shell_list(words));
  }
  hint += for_model ? "empty those that are missing."
                    : fmt::format("leave the {} out: --drop {}{}",
                                  names.size() == 1 ? "column" : "columns", shell_list(names),
                                  has_target ? " --target none" : "");
  fail(Code::data, "{}:{}: cells that are no values of their columns{}{}", where, first_line, lines,
       hint);
}

std::string shell_list(const std::vector<std::string>& names) {
  return shell_word(list_text(names));
}

std::string list_of(const std::vector<std::string>& items) {
  constexpr size_t kShown = 8;
  size_t shown = std::min(items.size(), kShown);
  std::string out =
      fmt::format("{}", fmt::join(items.begin(), items.begin() + int64_t(shown), ", "));
  return items.size() > shown ? out + fmt::format(" and {} more", items.size() - shown) : out;
}

std::string names_text(const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  for (const std::string& name : names) quoted.push_back(fmt::format("'{}'", name));
  return list_of(quoted);
}

}  // namespace elbo
