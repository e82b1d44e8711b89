// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/progress.h"

namespace elbo {

void TermSums::add(const std::vector<std::string>& names, const std::vector<double>& means,
                   int64_t examples) {
  for (size_t i = 0; i < names.size(); ++i) {
    sums_[names[i]] += means[i] * static_cast<double>(examples);
  }
  examples_ += examples;
}

std::map<std::string, double> TermSums::means() const {
  std::map<std::string, double> out = sums_;
  for (auto& [name, sum] : out) sum /= static_cast<double>(examples_);
  return out;
}

Value TermSums::to_value() const {
  Value out = Value::table();
  out["examples"] = examples_;
  out["sums"] = Value::table();
  for (const auto& [name, sum] : sums_) out["sums"][name] = sum;
  return out;
}

TermSums TermSums::from_value(const Value& value) {
  TermSums out;
  out.examples_ = value.at("examples").as_integer();
  ELBO_CHECK(out.examples_ >= 0, Code::model, "examples is {}, expected 0 or more", out.examples_);
  for (const auto& [name, sum] : value.at("sums").as_table()) out.sums_[name] = sum.as_number();
  return out;
}

Value Progress::to_value() const {
  Value out = Value::table();
  out["epoch"] = epoch;
  out["step_in_epoch"] = step_in_epoch;
  out["batch"] = batch;
  out["step"] = step;
  out["skipped"] = skipped;
  out["bad_in_a_row"] = bad_in_a_row;
  out["rolled_back"] = rolled_back;
  out["lr_factor"] = lr_factor;
  out["best"] = best ? Value(*best) : Value();
  out["best_epoch"] = best_epoch;
  out["epoch_seconds"] = epoch_seconds;
  out["sums"] = sums.to_value();
  return out;
}

Progress Progress::from_value(const Value& value) {
  auto count = [&](const char* key) {
    int64_t n = value.at(key).as_integer();
    ELBO_CHECK(n >= 0, Code::model, "{} is {}, expected 0 or more", key, n);
    return n;
  };
  Progress out;
  out.epoch = count("epoch");
  out.step_in_epoch = count("step_in_epoch");
  out.batch = count("batch");
  ELBO_CHECK(out.batch > 0, Code::model, "batch is 0, expected more");
  out.step = count("step");
  out.skipped = count("skipped");
  out.bad_in_a_row = count("bad_in_a_row");
  out.rolled_back = value.at("rolled_back").as_bool();
  out.lr_factor = value.at("lr_factor").as_number();
  ELBO_CHECK(out.lr_factor > 0 && out.lr_factor <= 1, Code::model,
             "lr_factor is {}, expected more than 0 and at most 1", out.lr_factor);
  if (!value.at("best").is_null()) out.best = value.at("best").as_number();
  out.best_epoch = count("best_epoch");
  ELBO_CHECK(out.best_epoch <= out.epoch, Code::model, "best_epoch is {}, of {} done",
             out.best_epoch, out.epoch);
  out.epoch_seconds = value.at("epoch_seconds").as_number();
  ELBO_CHECK(out.epoch_seconds >= 0, Code::model, "epoch_seconds is {}, expected 0 or more",
             out.epoch_seconds);
  out.sums = TermSums::from_value(value.at("sums"));
  return out;
}

}  // namespace elbo
