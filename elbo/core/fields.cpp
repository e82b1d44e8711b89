// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/fields.h"

#include <algorithm>
#include <cmath>

#include "elbo/core/family.h"

namespace elbo {
namespace {

template <class Read>
auto expecting(const char* what, const Value& value, Read read) {
  try {
    return read();
  } catch (const Error&) {
    fail(Code::usage, "expected {}, got {}", what, to_toml_inline(value));
  }
}

int64_t read_integer(const Value& v, const Range& range) {
  int64_t out = expecting("a whole number", v, [&] {
    double number = v.as_number();  // 1e3 is a whole number too
    ELBO_CHECK(v.is_integer() || (number == std::floor(number) && std::abs(number) < 9e15),
               Code::usage, "not whole");
    return v.is_integer() ? v.as_integer() : static_cast<int64_t>(number);
  });
  ELBO_CHECK(range.contains(static_cast<double>(out)), Code::usage, "must be {}, got {}",
             range.text(), out);
  return out;
}

double read_number(const Value& v, const Range& range) {
  double out = expecting("a number", v, [&] { return v.as_number(); });
  ELBO_CHECK(!std::isnan(out) && range.contains(out), Code::usage, "must be {}, got {}",
             range.text().empty() ? "a number" : range.text(), to_toml_inline(v));
  return out;
}

/// The item at the text's start, which goes up to a comma; one in double quotes may hold commas,
/// and double quotes as pairs.
std::string take_item(const std::string& text, size_t& at) {
  std::string out;
  if (at < text.size() && text[at] == '"') {
    for (++at; at < text.size(); ++at) {
      bool is_pair = text[at] == '"' && at + 1 < text.size() && text[at + 1] == '"';
      if (text[at] == '"' && !is_pair) break;
      at += is_pair;
      out += text[at];
    }
    ELBO_CHECK(at < text.size(), Code::usage, "a quote is never closed in {}", text);
    ++at;
    ELBO_CHECK(at == text.size() || text[at] == ',', Code::usage,
               "expected a comma after the closing quote in {}", text);
    return out;
  }
  size_t end = std::min(text.find(',', at), text.size());
  out = text.substr(at, end - at);
  at = end;
  return out;
}

/// Items between commas, as a shell takes them: 400,200. A list of texts may hold empty ones, and
/// some in quotes: a,"City, State".
template <class T, class Read>
std::vector<T> read_words(const std::string& text, Read read) {
  constexpr bool is_text = std::is_same_v<T, std::string>;
  std::vector<T> out;
  for (size_t at = 0; at <= text.size() && !text.empty(); ++at) {
    std::string word = take_item(text, at);
    if (is_text || !word.empty()) out.push_back(read(is_text ? Value(word) : parse_setting(word)));
  }
  return out;
}

template <class T, class Read>
std::vector<T> read_list(const Value& v, const char* what, Read read) {
  if (v.is_string()) return read_words<T>(v.as_string(), read);
  if (!v.is_list()) return {read(v)};  // one item stands for a list of one
  std::vector<T> out;
  for (const Value& item : expecting(what, v, [&]() -> const Value::List& { return v.as_list(); }))
    out.push_back(read(item));
  return out;
}

std::string join(const std::vector<std::string>& items, const char* separator) {
  return fmt::format("{}", fmt::join(items, separator));
}

Part read_part(const Value& v, const FamilyInfo& family) {
  return family.checked(
      expecting("a name or { type = ..., ... }", v, [&] { return Part::from_value(v); }));
}

}  // namespace

Part Part::from_value(const Value& value) {
  if (value.is_string()) return Part(value.as_string());
  Part part(value.at("type").as_string(), value);
  part.options.erase("type");
  return part;
}

Value Part::to_value() const {
  if (options.as_table().empty()) return type;
  Value out = Value::table();
  out["type"] = type;
  for (const auto& [key, item] : options.as_table()) out[key] = item;
  return out;
}

bool Range::contains(double v) const {
  return (open_lo ? v > lo : v >= lo) && (open_hi ? v < hi : v <= hi);
}

std::string Range::text() const {
  bool has_lo = std::isfinite(lo), has_hi = std::isfinite(hi);
  if (has_lo && has_hi) {
    return fmt::format("in {}{}, {}{}", open_lo ? '(' : '[', lo, hi, open_hi ? ')' : ']');
  }
  if (has_lo) return fmt::format("{} {}", open_lo ? ">" : ">=", lo);
  if (has_hi) return fmt::format("{} {}", open_hi ? "<" : "<=", hi);
  return "";
}

Fields& Fields::add(std::string name, std::string type, std::string range, std::string help,
                    std::function<Value()> get, std::function<void(const Value&)> set,
                    const FamilyInfo* family) {
  fields_.push_back({std::move(name), std::move(type), std::move(range), std::move(help), family,
                     std::move(get), std::move(set)});
  return *this;
}

Fields& Fields::operator()(std::string name, bool& v, std::string help) {
  return add(
      std::move(name), "true|false", "", std::move(help), [&v] { return Value(v); },
      [&v](const Value& in) { v = expecting("true or false", in, [&] { return in.as_bool(); }); });
}

Fields& Fields::operator()(std::string name, int64_t& v, std::string help, Range range) {
  return add(
      std::move(name), "integer", range.text(), std::move(help), [&v] { return Value(v); },
      [&v, range](const Value& in) { v = read_integer(in, range); });
}

Fields& Fields::operator()(std::string name, double& v, std::string help, Range range) {
  return add(
      std::move(name), "number", range.text(), std::move(help), [&v] { return Value(v); },
      [&v, range](const Value& in) { v = read_number(in, range); });
}

Fields& Fields::operator()(std::string name, std::string& v, std::string help,
                           std::vector<std::string> choices) {
  std::string type = choices.empty() ? "text" : join(choices, "|");
  return add(
      std::move(name), std::move(type), "", std::move(help), [&v] { return Value(v); },
      [&v, choices](const Value& in) {
        std::string text = expecting("text", in, [&] { return in.as_string(); });
        bool known =
            choices.empty() || std::find(choices.begin(), choices.end(), text) != choices.end();
        ELBO_CHECK(known, Code::usage, "unknown value '{}'{}", text, suggestion(text, choices));
        v = text;
      });
}

Fields& Fields::operator()(std::string name, std::vector<int64_t>& v, std::string help,
                           Range range) {
  return add(
      std::move(name), "list of integers", range.text(), std::move(help),
      [&v] { return Value::list(v); },
      [&v, range](const Value& in) {
        v = read_list<int64_t>(in, "a list of whole numbers",
                               [&](const Value& item) { return read_integer(item, range); });
      });
}

Fields& Fields::operator()(std::string name, std::vector<double>& v, std::string help,
                           Range range) {
  return add(
      std::move(name), "list of numbers", range.text(), std::move(help),
      [&v] { return Value::list(v); },
      [&v, range](const Value& in) {
        v = read_list<double>(in, "a list of numbers",
                              [&](const Value& item) { return read_number(item, range); });
      });
}

Fields& Fields::operator()(std::string name, std::vector<std::string>& v, std::string help) {
  return add(
      std::move(name), "list of texts", "", std::move(help), [&v] { return Value::list(v); },
      [&v](const Value& in) {
        v = read_list<std::string>(in, "a list of texts", [](const Value& item) {
          if (item.is_number()) return to_toml_inline(item);  // a column's number
          return expecting("text", item, [&] { return item.as_string(); });
        });
      });
}

Fields& Fields::operator()(std::string name, Part& v, std::string help, const FamilyInfo& family) {
  return add(
      std::move(name), join(family.names(), "|"), "", std::move(help),
      [&v] { return v.to_value(); }, [&v, &family](const Value& in) { v = read_part(in, family); },
      &family);
}

Fields& Fields::operator()(std::string name, std::vector<Part>& v, std::string help,
                           const FamilyInfo& family) {
  return add(
      std::move(name), "list of " + join(family.names(), "|"), "", std::move(help),
      [&v] {
        Value::List out;
        for (const Part& part : v) out.push_back(part.to_value());
        return Value(out);
      },
      [&v, &family](const Value& in) {
        v = read_list<Part>(in, "a list of parts",
                            [&](const Value& item) { return read_part(item, family); });
      },
      &family);
}

Fields& Fields::add_section(const std::string& name, Fields inner) {
  for (Field& field : inner.fields_) {
    field.name = name + "." + field.name;
    fields_.push_back(std::move(field));
  }
  return *this;
}

const Field* Fields::find(std::string_view name) const {
  auto it = std::find_if(fields_.begin(), fields_.end(), [&](auto& f) { return f.name == name; });
  return it == fields_.end() ? nullptr : &*it;
}

void Fields::read(const Value& table, std::string_view where) {
  std::string start = where.empty() ? "" : std::string(where) + ": ";
  ELBO_CHECK(table.is_table(), Code::usage, "{}expected a table of options, got {}", start,
             table.kind());
  read_table(table, "", start);
}

void Fields::read_table(const Value& table, const std::string& prefix, std::string_view where) {
  for (const auto& [key, item] : table.as_table()) {
    std::string name = prefix + key;
    if (const Field* field = find(name)) {
      try {
        field->set(item);
      } catch (const Error& e) {
        fail(Code::usage, "{}{}: {}", where, name, e.message());
      }
      continue;
    }
    bool is_section = std::any_of(fields_.begin(), fields_.end(),
                                  [&](auto& f) { return f.name.starts_with(name + "."); });
    if (is_section && item.is_table()) {
      read_table(item, name + ".", where);
      continue;
    }
    ELBO_CHECK(!is_section, Code::usage, "{}{}: expected a table of options, got {}", where, name,
               item.kind());
    std::vector<std::string> beside, all;  // all sections together would be a wall of names
    for (const Field& f : fields_) {
      all.push_back(f.name);
      if (!f.name.starts_with(prefix)) continue;
      std::string known = f.name.substr(0, f.name.find('.', prefix.size()));
      if (beside.empty() || beside.back() != known) beside.push_back(known);
    }
    all.insert(all.end(), beside.begin(), beside.end());
    fail(Code::usage, "{}unknown option '{}'{}{}", where, name, did_you_mean(name, all),
         suggestion("", beside));
  }
}

Value Fields::write() const {
  Value out = Value::table();
  for (const Field& field : fields_) out.set_path(field.name, field.get());
  return out;
}

namespace {

/// Damerau-Levenshtein distance (optimal string alignment).
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + cost});
      bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::string list_text(const std::vector<std::string>& items) {
  std::string plain = join(items, ",");
  Value read = plain.find_first_of("[{\"") == std::string::npos ? parse_setting(plain) : Value();
  bool survives =
      !plain.empty() && (read.is_integer() ? to_toml_inline(read) : read) == Value(plain);
  for (const std::string& item : items) {
    survives = survives && item.find(',') == std::string::npos;
  }
  return survives ? plain : to_toml_inline(Value::list(items));
}

std::string_view last_word(std::string_view name) { return name.substr(name.rfind('.') + 1); }

std::string nearest_name(std::string_view name, const std::vector<std::string>& known) {
  if (name.size() > 100) return "";
  std::string best;
  // A name of which no letter is left is not near.
  size_t best_distance = std::min(std::max<size_t>(2, name.size() / 3) + 1, name.size());
  for (const std::string& candidate : known) {
    // "epoch" should find "train.epochs": the last words are compared too, at the price of one.
    size_t distance = std::min(edit_distance(name, candidate),
                               edit_distance(last_word(name), last_word(candidate)) + 1);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& known) {
  std::string nearest = nearest_name(name, known);
  return nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest);
}

std::string suggestion(std::string_view name, const std::vector<std::string>& known) {
  std::string out = did_you_mean(name, known);
  if (!known.empty()) out += fmt::format("\nKnown: {}", fmt::join(known, ", "));
  return out;
}

namespace {

const Value* type_of(const Value& value) { return value.is_string() ? &value : value.find("type"); }

}  // namespace

Value merge(const Value& lower, const Value& upper) {
  const Value* lower_type = type_of(lower);
  const Value* upper_type = type_of(upper);
  if (lower_type && upper.is_table()) {  // options laid over a part
    if (upper_type && *upper_type != *lower_type) return upper;
    Value out = lower.is_table() ? lower : Value::table();
    out["type"] = *lower_type;
    for (const auto& [key, item] : upper.as_table()) out[key] = item;
    return out;
  }
  if (lower.is_table() && upper.is_string() && lower_type && *lower_type == upper) return lower;
  if (!lower.is_table() || !upper.is_table()) return upper;
  Value out = lower;
  for (const auto& [key, item] : upper.as_table()) {
    const Value* below = out.find(key);
    out[key] = below ? merge(*below, item) : item;
  }
  return out;
}

}  // namespace elbo
