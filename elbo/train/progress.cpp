// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/progress.h"

namespace elbo {

void TermSums::add(const std::vector<std::pair<std::string, Tensor>>& terms, int64_t examples) {
  at::NoGradGuard no_grad;
  for (const auto& [name, term] : terms) {
    Tensor sum = term.dim() == 0 ? term.to(at::kDouble) * static_cast<double>(examples)
                                 : term.sum(at::kDouble);
    auto [it, is_new] = sums_.try_emplace(name, sum);
    if (!is_new) it->second.add_(sum);
  }
  examples_ += examples;
}

std::map<std::string, double> TermSums::means() const {
  std::map<std::string, double> out;
  if (examples_ == 0) return out;
  for (const auto& [name, sum] : sums_) {
    out[name] = sum.item<double>() / static_cast<double>(examples_);
  }
  return out;
}

Value TermSums::to_value() const {
  Value out = Value::table();
  out["examples"] = examples_;
  out["sums"] = Value::table();
  for (const auto& [name, sum] : sums_) out["sums"][name] = sum.item<double>();
  return out;
}

TermSums TermSums::from_value(const Value& value) {
  TermSums out;
  out.examples_ = value.at("examples").as_integer();
  for (const auto& [name, sum] : value.at("sums").as_table()) {
    out.sums_[name] = at::scalar_tensor(sum.as_number(), at::kDouble);
  }
  return out;
}

Value Progress::to_value() const {
  Value out = Value::table();
  out["epoch"] = epoch;
  out["step_in_epoch"] = step_in_epoch;
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
  Progress out;
  out.epoch = value.at("epoch").as_integer();
  out.step_in_epoch = value.at("step_in_epoch").as_integer();
  out.step = value.at("step").as_integer();
  out.skipped = value.at("skipped").as_integer();
  out.bad_in_a_row = value.at("bad_in_a_row").as_integer();
  out.rolled_back = value.at("rolled_back").as_bool();
  out.lr_factor = value.at("lr_factor").as_number();
  if (!value.at("best").is_null()) out.best = value.at("best").as_number();
  out.best_epoch = value.at("best_epoch").as_integer();
  out.epoch_seconds = value.at("epoch_seconds").as_number();
  out.sums = TermSums::from_value(value.at("sums"));
  return out;
}

}  // namespace elbo
