// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/value.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace elbo {
namespace {

template <class T>
const T& get(const std::variant<std::monostate, bool, int64_t, double, std::string, Value::List,
                                Value::Table>& data,
             const Value& value, const char* expected) {
  const T* held = std::get_if<T>(&data);
  ELBO_CHECK(held, Code::data, "expected {}, got {}", expected, value.kind());
  return *held;
}

template <class T, class Read>
std::vector<T> read_all(const Value& value, Read read) {
  std::vector<T> out;
  for (const Value& item : value.as_list()) out.push_back(read(item));
  return out;
}

}  // namespace

const char* Value::kind() const {
  static constexpr const char* kNames[] = {"nothing", "true or false", "a whole number", "a number",
                                           "text",    "a list",        "a table"};
  return kNames[data_.index()];
}

bool Value::as_bool() const { return get<bool>(data_, *this, "true or false"); }
int64_t Value::as_integer() const { return get<int64_t>(data_, *this, "a whole number"); }
double Value::as_number() const {
  if (is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (is_integer()) return static_cast<double>(as_integer());
  return get<double>(data_, *this, "a number");
}
const std::string& Value::as_string() const { return get<std::string>(data_, *this, "text"); }
const Value::List& Value::as_list() const { return get<List>(data_, *this, "a list"); }
Value::List& Value::as_list() { return const_cast<List&>(std::as_const(*this).as_list()); }
const Value::Table& Value::as_table() const { return get<Table>(data_, *this, "a table"); }
Value::Table& Value::as_table() { return const_cast<Table&>(std::as_const(*this).as_table()); }

std::vector<int64_t> Value::as_integers() const {
  return read_all<int64_t>(*this, [](const Value& v) { return v.as_integer(); });
}
std::vector<std::string> Value::as_strings() const {
  return read_all<std::string>(*this, [](const Value& v) { return v.as_string(); });
}

const Value* Value::find(std::string_view key) const {
  if (!is_table()) return nullptr;
  const Table& table = std::get<Table>(data_);
  auto it = std::find_if(table.begin(), table.end(), [&](auto& e) { return e.first == key; });
  return it == table.end() ? nullptr : &it->second;
}
Value* Value::find(std::string_view key) {
  return const_cast<Value*>(std::as_const(*this).find(key));
}

const Value& Value::at(std::string_view key) const {
  const Value* found = find(key);
  ELBO_CHECK(found, Code::data, "missing key '{}'", key);
  return *found;
}

Value& Value::operator[](std::string_view key) {
  if (is_null()) data_ = Table{};
  if (Value* found = find(key)) return *found;
  return as_table().emplace_back(std::string(key), Value()).second;
}

void Value::erase(std::string_view key) {
  std::erase_if(as_table(), [&](auto& entry) { return entry.first == key; });
}

const Value* Value::find_path(std::string_view path) const {
  size_t dot = path.find('.');
  const Value* head = find(path.substr(0, dot));
  if (!head || dot == std::string_view::npos) return head;
  return head->find_path(path.substr(dot + 1));
}

void Value::set_path(std::string_view path, Value value) {
  size_t dot = path.find('.');
  if (dot == std::string_view::npos) {
    (*this)[path] = std::move(value);
  } else {
    (*this)[path.substr(0, dot)].set_path(path.substr(dot + 1), std::move(value));
  }
}

}  // namespace elbo
