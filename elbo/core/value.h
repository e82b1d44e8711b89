// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "elbo/core/error.h"

namespace elbo {

/// A plain tree of data: what JSON and TOML hold. Tables keep the order in which keys were added.
class Value {
 public:
  using List = std::vector<Value>;
  using Table = std::vector<std::pair<std::string, Value>>;

  Value() = default;
  Value(bool v) : data_(v) {}
  Value(int v) : data_(static_cast<int64_t>(v)) {}
  Value(int64_t v) : data_(v) {}
  Value(double v) : data_(v) {}
  Value(const char* v) : data_(std::string(v)) {}
  Value(std::string v) : data_(std::move(v)) {}
  Value(List v) : data_(std::move(v)) {}
  Value(Table v) : data_(std::move(v)) {}
  template <class T>
  static Value list(const std::vector<T>& items) {
    return Value(List(items.begin(), items.end()));
  }
  static Value table() { return Value(Table{}); }

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  bool is_bool() const { return std::holds_alternative<bool>(data_); }
  bool is_integer() const { return std::holds_alternative<int64_t>(data_); }
  bool is_number() const { return is_integer() || std::holds_alternative<double>(data_); }
  bool is_string() const { return std::holds_alternative<std::string>(data_); }
  bool is_list() const { return std::holds_alternative<List>(data_); }
  bool is_table() const { return std::holds_alternative<Table>(data_); }
  /// "a number", "a table", ... for messages.
  const char* kind() const;

  /// Access with a check: throws Error(Code::data) naming the kind found and the kind expected.
  bool as_bool() const;
  int64_t as_integer() const;
  double as_number()
      const;  ///< integers convert; null reads as NaN (JSON has no other way to say it)
  const std::string& as_string() const;
  const List& as_list() const;
  List& as_list();
  const Table& as_table() const;
  Table& as_table();
  std::vector<int64_t> as_integers() const;
  std::vector<std::string> as_strings() const;

  /// The entry under key, or null when this is not a table or has no such key.
  const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
  /// The entry under key; throws Error(Code::data) naming the key when it is missing.
  const Value& at(std::string_view key) const;
  /// The entry under key, added when missing. A null value becomes a table first.
  Value& operator[](std::string_view key);
  void erase(std::string_view key);
  /// The entry under a dotted path such as "train.epochs", or null.
  const Value* find_path(std::string_view path) const;
  void set_path(std::string_view path, Value value);

  bool operator==(const Value&) const = default;

 private:
  std::variant<std::monostate, bool, int64_t, double, std::string, List, Table> data_;
};

/// Parses strict JSON: UTF-8, no duplicate keys, at most 64 levels deep. `where` names the source
/// in messages. Throws Error(code).
Value parse_json(std::string_view text, std::string_view where, Code code = Code::data);
/// indent < 0 gives one line. Numbers print in their shortest exact form, non-finite ones as null.
std::string to_json(const Value& value, int indent = -1);

/// Parses TOML 1.0. Dates are refused. Throws Error(Code::usage) with line and column.
Value parse_toml(std::string_view text, std::string_view where);
/// Parses the right-hand side of `key=...` on a command line: TOML, a list of bare words
/// `[a, b]`, or else the bare text itself. Throws Error(Code::usage) for what begins as a list or
/// table and is none.
Value parse_setting(std::string_view text);
std::string to_toml(const Value& table);
/// One TOML value on one line, e.g. `{ type = "mlp", sizes = [400] }`.
std::string to_toml_inline(const Value& value);

}  // namespace elbo
