// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "elbo/core/nesting.h"
#include "elbo/core/value.h"

namespace elbo {
namespace {

/// Builds a Value from the events of the JSON parser, refusing deep nesting and duplicate keys.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  Value root;
  std::string problem;

  bool null() override { return add(Value()); }
  bool boolean(bool v) override { return add(v); }
  bool number_integer(number_integer_t v) override { return add(v); }
  bool number_unsigned(number_unsigned_t v) override {
    if (v > static_cast<uint64_t>(INT64_MAX)) return add(static_cast<double>(v));
    return add(static_cast<int64_t>(v));
  }
  bool number_float(number_float_t v, const string_t&) override { return add(v); }
  bool string(string_t& v) override { return add(std::move(v)); }
  bool binary(binary_t&) override { return stop("binary data"); }
  bool start_object(size_t) override { return open(Value::table()); }
  bool start_array(size_t) override { return open(Value(Value::List{})); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& v) override {
    if (!keys_.back().insert(v).second) return stop("duplicate key '" + v + "'");
    key_ = std::move(v);
    return true;
  }
  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    return stop("not valid JSON at byte " + std::to_string(position));
  }

 private:
  bool stop(std::string why) {
    problem = std::move(why);
    return false;
  }
  Value& place(Value v) {
    if (stack_.empty()) return root = std::move(v);
    if (stack_.back()->is_list()) return stack_.back()->as_list().emplace_back(std::move(v));
    return stack_.back()->as_table().emplace_back(std::move(key_), std::move(v)).second;
  }
  bool add(Value v) {
    place(std::move(v));
    return true;
  }
  bool open(Value v) {
    if (stack_.size() >= kMaxNesting) {
      return stop(fmt::format("nested more than {} levels deep", kMaxNesting));
    }
    stack_.push_back(&place(std::move(v)));
    keys_.emplace_back();
    return true;
  }
  bool close() {
    stack_.pop_back();
    keys_.pop_back();
    return true;
  }

  std::vector<Value*> stack_;
  std::vector<std::unordered_set<std::string>> keys_;  ///< of each open table: a scan is quadratic
  std::string key_;
};

void write(const Value& value, int indent, int level, std::string& out);

std::string quote(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

template <class Items, class WriteItem>
void write_items(const Items& items, char open, char close, int indent, int level, std::string& out,
                 WriteItem write_item) {
  out += open;
  bool first = true;
  for (const auto& item : items) {
    if (!first) out += indent < 0 ? "," : ", ";
    if (indent >= 0) {
      if (out.back() == ' ') out.pop_back();
      out += '\n' + std::string(static_cast<size_t>(indent * (level + 1)), ' ');
    }
    first = false;
    write_item(item);
  }
  if (indent >= 0 && !first) out += '\n' + std::string(static_cast<size_t>(indent * level), ' ');
  out += close;
}

void write(const Value& value, int indent, int level, std::string& out) {
  if (value.is_null()) {
    out += "null";
  } else if (value.is_bool()) {
    out += value.as_bool() ? "true" : "false";
  } else if (value.is_integer()) {
    out += std::to_string(value.as_integer());
  } else if (value.is_number()) {
    double number = value.as_number();
    std::string text = std::isfinite(number) ? fmt::format("{}", number) : "null";
    if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
    out += text;
  } else if (value.is_string()) {
    out += quote(value.as_string());
  } else if (value.is_list()) {
    const auto& list = value.as_list();
    bool flat = std::none_of(list.begin(), list.end(),
                             [](const Value& v) { return v.is_list() || v.is_table(); });
    write_items(list, '[', ']', flat ? -1 : indent, level, out,
                [&](const Value& v) { write(v, indent, level + 1, out); });
  } else {
    write_items(value.as_table(), '{', '}', indent, level, out, [&](const auto& entry) {
      out += quote(entry.first) + (indent < 0 ? ":" : ": ");
      write(entry.second, indent, level + 1, out);
    });
  }
}

}  // namespace

Value parse_json(std::string_view text, std::string_view where, Code code) {
  Builder builder;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) {
    fail(code, "{}: {}", where, builder.problem);
  }
  return std::move(builder.root);
}

std::string to_json(const Value& value, int indent) {
  std::string out;
  write(value, indent, 0, out);
  return out;
}

}  // namespace elbo
