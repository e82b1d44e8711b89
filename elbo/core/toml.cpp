// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

#include <algorithm>

#include "elbo/core/value.h"

namespace elbo {
namespace {

Value convert(const toml::node& node, std::string_view where) {
  if (auto v = node.as_boolean()) return v->get();
  if (auto v = node.as_integer()) return v->get();
  if (auto v = node.as_floating_point()) return v->get();
  if (auto v = node.as_string()) return v->get();
  if (auto list = node.as_array()) {
    Value::List out;
    for (const toml::node& item : *list) out.push_back(convert(item, where));
    return out;
  }
  if (auto table = node.as_table()) {
    std::vector<std::pair<const toml::key*, const toml::node*>> entries;
    for (auto&& [key, item] : *table) entries.emplace_back(&key, &item);
    // toml++ sorts by name; the file's own order reads better when it is printed back.
    std::stable_sort(entries.begin(), entries.end(), [](auto& a, auto& b) {
      return a.first->source().begin < b.first->source().begin;
    });
    Value out = Value::table();
    for (auto [key, item] : entries) out[key->str()] = convert(*item, where);
    return out;
  }
  fail(Code::usage, "{}:{}: dates and times are not used in a configuration", where,
       node.source().begin.line);
}

bool is_bare_key(const std::string& key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-';
  });
}

std::string toml_key(const std::string& key) {
  return is_bare_key(key) ? key : to_json(Value(key));
}

std::string toml_number(double v) {
  if (std::isnan(v)) return "nan";
  if (std::isinf(v)) return v > 0 ? "inf" : "-inf";
  return to_json(Value(v));
}

/// A table that names a type is a part, and reads better on one line than as a section.
bool is_section(const Value& item) { return item.is_table() && !item.find("type"); }

void write_table(const Value& table, const std::string& prefix, std::string& out) {
  for (const auto& [key, item] : table.as_table()) {
    if (is_section(item) || item.is_null()) continue;
    out += toml_key(key) + " = " + to_toml_inline(item) + "\n";
  }
  for (const auto& [key, item] : table.as_table()) {
    if (!is_section(item)) continue;
    std::string name = prefix.empty() ? toml_key(key) : prefix + "." + toml_key(key);
    out += (out.empty() ? "[" : "\n[") + name + "]\n";
    write_table(item, name, out);
  }
}

}  // namespace

Value parse_toml(std::string_view text, std::string_view where) {
  try {
    toml::table table = toml::parse(text);
    return convert(table, where);
  } catch (const toml::parse_error& e) {
    fail(Code::usage, "{}:{}:{}: {}", where, e.source().begin.line, e.source().begin.column,
         e.description());
  }
}

Value parse_setting(std::string_view text) {
  try {
    Value parsed = parse_toml("v = " + std::string(text), "setting");
    if (parsed.as_table().size() == 1) return parsed.at("v");
  } catch (const Error&) {
  }
  return std::string(text);
}

std::string to_toml_inline(const Value& value) {
  if (value.is_list()) {
    std::string out = "[";
    for (const Value& item : value.as_list()) {
      if (out.size() > 1) out += ", ";
      out += to_toml_inline(item);
    }
    return out + "]";
  }
  if (value.is_table()) {
    std::string out;
    for (const auto& [key, item] : value.as_table()) {
      if (item.is_null()) continue;
      out += (out.empty() ? "{ " : ", ") + toml_key(key) + " = " + to_toml_inline(item);
    }
    return out.empty() ? "{}" : out + " }";
  }
  if (value.is_number() && !value.is_integer()) return toml_number(value.as_number());
  return to_json(value);
}

std::string to_toml(const Value& table) {
  std::string out;
  write_table(table, "", out);
  return out;
}

}  // namespace elbo
