// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "elbo/core/value.h"

namespace elbo {

class FamilyInfo;

/// A part of a configuration: the name of a family's member and the options given for it.
/// Written `"normal"` or `{ type = "vamp", components = 500 }`.
struct Part {
  std::string type;
  Value options = Value::table();

  Part(const char* type) : type(type) {}
  Part(std::string type = "", Value options = Value::table())
      : type(std::move(type)), options(std::move(options)) {}
  static Part from_value(const Value& value);
  Value to_value() const;
  bool operator==(const Part&) const = default;
};

/// The numbers a field accepts: lo <= v <= hi, or lo < v when open_lo, v < hi when open_hi.
struct Range {
  double lo = -std::numeric_limits<double>::infinity();
  double hi = std::numeric_limits<double>::infinity();
  bool open_lo = false;
  bool open_hi = false;
  bool contains(double v) const;
  std::string text() const;  ///< "> 0", "in [0, 1)", ... or empty
};
inline Range at_least(double lo) { return {.lo = lo}; }
inline Range above(double lo) { return {.lo = lo, .open_lo = true}; }
inline Range between(double lo, double hi) { return {.lo = lo, .hi = hi}; }

/// One option: how it is called, what it means, how to read and write it.
struct Field {
  std::string name;  ///< dotted when it stands in a section: "train.epochs"
  std::string type;  ///< "integer", "number", "text", "true|false", "list of integers", "a|b|c" ...
  std::string range;
  std::string help;
  const FamilyInfo* family = nullptr;  ///< for a part: the family it names a member of
  std::function<Value()> get;
  std::function<void(const Value&)> set;  ///< throws Error(Code::usage) without the field's name
};

/// The listing of an options struct, bound to one object. Each options struct writes
///
///     void fields(Fields& f) { f("beta", beta, "weight of the KL term", at_least(0)); }
///
/// once; parsing, defaults, --help, flags, the stored configuration and the reference page all
/// come from it.
class Fields {
 public:
  Fields& operator()(std::string name, bool& v, std::string help);
  Fields& operator()(std::string name, int64_t& v, std::string help, Range range = {});
  Fields& operator()(std::string name, double& v, std::string help, Range range = {});
  Fields& operator()(std::string name, std::string& v, std::string help,
                     std::vector<std::string> choices = {});
  Fields& operator()(std::string name, std::vector<int64_t>& v, std::string help, Range range = {});
  Fields& operator()(std::string name, std::vector<double>& v, std::string help, Range range = {});
  Fields& operator()(std::string name, std::vector<std::string>& v, std::string help);
  Fields& operator()(std::string name, Part& v, std::string help, const FamilyInfo& family);
  Fields& operator()(std::string name, std::vector<Part>& v, std::string help,
                     const FamilyInfo& family);
  /// A nested options struct, whose fields are named "section.field".
  template <class Options>
  Fields& section(const std::string& name, Options& options) {
    Fields inner;
    options.fields(inner);
    return add_section(name, std::move(inner));
  }

  /// Lists another listing's fields after these.
  void append(const Fields& other) {
    fields_.insert(fields_.end(), other.fields_.begin(), other.fields_.end());
  }
  const std::vector<Field>& all() const { return fields_; }
  /// Null when there is no such field.
  const Field* find(std::string_view name) const;
  /// Sets every field the table names. Throws Error(Code::usage) naming the option, what was found,
  /// what was expected, and for an unknown key the nearest known one. `where` starts the message.
  void read(const Value& table, std::string_view where = "");
  /// Every field and its value, sections nested.
  Value write() const;

 private:
  Fields& add(std::string name, std::string type, std::string range, std::string help,
              std::function<Value()> get, std::function<void(const Value&)> set,
              const FamilyInfo* family = nullptr);
  Fields& add_section(const std::string& name, Fields inner);
  void read_table(const Value& table, const std::string& prefix, std::string_view where);
  std::vector<Field> fields_;
};

template <class Options>
Options read_options(const Value& table, std::string_view where = "") {
  Options options;
  Fields fields;
  options.fields(fields);
  fields.read(table, where);
  return options;
}

template <class Options>
Value write_options(Options options) {
  Fields fields;
  options.fields(fields);
  return fields.write();
}

/// The listing of an options struct with its defaults; it keeps the struct that it lists.
template <class Options>
std::shared_ptr<Fields> list_fields() {
  struct Held {
    Options options;
    Fields fields;
  };
  auto held = std::make_shared<Held>();
  held->options.fields(held->fields);
  return std::shared_ptr<Fields>(held, &held->fields);
}

/// A list of texts as a flag takes it: items between commas, or ["a, b", "c"] where an item would
/// not survive that.
std::string list_text(const std::vector<std::string>& items);

/// "epochs" of "train.epochs".
std::string_view last_word(std::string_view name);

/// The known name nearest to `name` by edit distance, or "" when none is near.
std::string nearest_name(std::string_view name, const std::vector<std::string>& known);
/// "; did you mean 'x'?" or "" for the end of an unknown-name message.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& known);
/// The same and "\nKnown: a, b, c" for the end of an unknown-name message.
std::string suggestion(std::string_view name, const std::vector<std::string>& known);

/// Lays `upper` over `lower`: tables merge key by key; a part whose type changes drops the options
/// of the type it had; everything else is replaced.
Value merge(const Value& lower, const Value& upper);

}  // namespace elbo
