// SPDX-License-Identifier: Apache-2.0
#include "elbo/tensor/schema.h"

#include <algorithm>
#include <cmath>

#include "elbo/core/metric.h"
#include "elbo/io/image.h"

namespace elbo {

int64_t Schema::size() const {
  int64_t out = 1;
  for (int64_t d : shape) out *= d;
  return out;
}

std::string Schema::shape_text() const {
  if (kind == "image" && shape.size() == 3) {
    return fmt::format("{}x{} {}", shape[1], shape[2], shape[0] == 1 ? "grey" : "colour");
  }
  return counted(size(), "column");
}

namespace {

/// A code without words is its form alone; others are lists of form and words.
Value codes_value(const std::vector<ColumnCode>& codes) {
  Value::List out;
  for (const ColumnCode& code : codes) {
    std::vector<std::string> texts = code.words;
    texts.insert(texts.begin(), code.form);
    out.push_back(code.words.empty() ? Value(code.form) : Value::list(texts));
  }
  return out;
}

std::vector<ColumnCode> codes_of(const Value& value) {
  std::vector<ColumnCode> out;
  for (const Value& item : value.as_list()) {
    std::vector<std::string> texts =
        item.is_string() ? std::vector{item.as_string()} : item.as_strings();
    ELBO_CHECK(!texts.empty(), Code::model, "schema: a column's code without a form");
    out.push_back({texts[0], {texts.begin() + 1, texts.end()}});
  }
  return out;
}

}  // namespace

Value Schema::to_value() const {
  Value out;
  out["name"] = name;
  out["kind"] = kind;
  out["shape"] = Value::list(shape);
  if (kind == "image") {
    out["range"] = Value::list(std::vector<double>{range.lo, range.hi});
    if (!alpha.empty()) out["alpha"] = alpha;
  }
  out["columns"] = Value::list(columns);
  if (!codes.empty()) out["codes"] = codes_value(codes);
  out["labels"] = Value::list(labels);
  out["target"] = target;
  return out;
}

Schema Schema::from_value(const Value& value) {
  Schema out;
  out.name = value.at("name").as_string();
  out.kind = value.at("kind").as_string();
  out.shape = value.at("shape").as_integers();
  if (const Value* range = value.find("range")) {  // models from before there was one: bytes
    const Value::List& ends = range->as_list();
    ELBO_CHECK(ends.size() == 2, Code::model, "schema: a range of {} ends", ends.size());
    out.range = {ends[0].as_number(), ends[1].as_number()};
    bool is_range = std::isfinite(out.range.lo) && std::isfinite(out.range.hi - out.range.lo);
    ELBO_CHECK(is_range && out.range.lo < out.range.hi, Code::model,
               "schema: no range of pixels: {} to {}", out.range.lo, out.range.hi);
  }
  if (const Value* alpha = value.find("alpha")) {
    out.alpha = alpha->as_string();
    ELBO_CHECK(std::count(alpha_names().begin(), alpha_names().end(), out.alpha) == 1, Code::model,
               "schema: '{}' is nothing that is done with alpha", out.alpha);
  }
  out.columns = value.at("columns").as_strings();
  if (const Value* codes = value.find("codes")) out.codes = codes_of(*codes);
  out.labels = value.at("labels").as_strings();
  out.target = value.at("target").as_string();
  ELBO_CHECK(
      out.kind == "image" ? out.shape.size() == 3 : out.kind == "table" && out.shape.size() == 1,
      Code::model, "schema: a {} has no shape of {} numbers", out.kind, out.shape.size());
  for (int64_t d : out.shape) {
    ELBO_CHECK(d > 0 && d <= (int64_t{1} << 31), Code::model, "schema: impossible size {}", d);
  }
  ELBO_CHECK(out.columns.empty() || static_cast<int64_t>(out.columns.size()) == out.size(),
             Code::model, "schema: {} column names for {} columns", out.columns.size(), out.size());
  ELBO_CHECK(out.codes.empty() || out.codes.size() == out.columns.size(), Code::model,
             "schema: {} codes for {} column names", out.codes.size(), out.columns.size());
  return out;
}

}  // namespace elbo
