// SPDX-License-Identifier: Apache-2.0
#include "elbo/tensor/schema.h"

#include "elbo/core/metric.h"

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

Value Schema::to_value() const {
  Value out;
  out["name"] = name;
  out["kind"] = kind;
  out["shape"] = Value::list(shape);
  out["columns"] = Value::list(columns);
  out["labels"] = Value::list(labels);
  out["target"] = target;
  return out;
}

Schema Schema::from_value(const Value& value) {
  Schema out;
  out.name = value.at("name").as_string();
  out.kind = value.at("kind").as_string();
  out.shape = value.at("shape").as_integers();
  out.columns = value.at("columns").as_strings();
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
  return out;
}

}  // namespace elbo
