// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/engine_check.h"

#include <fmt/ranges.h>

#include <cmath>

#include "elbo/core/error.h"

namespace elbo {
namespace {

/// Below this, a gradient is rounding noise.
constexpr double kSmallNorm = 1e-3;

void check_finite(const Engine& engine, const StepResult& step) {
  ELBO_CHECK(step.finite, Code::diverged,
             "the engines cannot be compared: {} is not finite by {}\nCheck the data with `elbo "
             "describe`: values may be too large for the model without a transform.",
             step.broken, engine.name());
}

double length(const Tensor& t) { return t.to(at::kDouble).norm().item<double>(); }

}  // namespace

EngineDifference difference(Engine& a, const Model& model_a, Engine& b, const Model& model_b,
                            const Batch& batch, const Rng& rng, const Time& time) {
  Rng first = rng, second = rng;
  const StepResult& x = a.step(batch, first, time, 0);
  const StepResult& y = b.step(batch, second, time, 0);
  check_finite(a, x);
  check_finite(b, y);
  ELBO_CHECK(x.names == y.names, Code::failure, "the engines know different terms: {} and {}",
             fmt::join(x.names, " "), fmt::join(y.names, " "));
  EngineDifference out;
  Tensor terms_a = at::tensor(x.means, at::kDouble), terms_b = at::tensor(y.means, at::kDouble);
  double largest = 1 + terms_a.abs().max().item<double>();
  out.term = (terms_a - terms_b).abs().max().item<double>() / largest;
  double norm = kSmallNorm + x.gradient_norm;
  out.gradient = std::abs(x.gradient_norm - y.gradient_norm) / norm;
  out.where = "the whole";
  auto others = model_b.named_parameters();
  for (const auto& item : model_a.named_parameters()) {
    double own = length(item.value().grad() - others[item.key()].grad()) / norm;
    if (!(own <= out.gradient)) out.gradient = own, out.where = item.key();
  }
  return out;
}

std::string check_engines(const ObjectiveOptions& objective, const EngineOptions& options,
                          const std::function<std::shared_ptr<Model>()>& copy,
                          const std::function<Batch(int64_t number)>& batch, const Rng& rng) {
  auto first = copy(), second = copy();
  EngineOptions exact = options;
  exact.precision = Precision::f32;
  auto autograd = make_engine("autograd", objective, first, exact);
  auto fused = make_engine("fused", objective, second, options);
  EngineDifference d;
  for (int64_t number = 0; number < 3; ++number) {
    d = difference(*autograd, *first, *fused, *second, batch(number), rng, {0, 0, 1});
    if (d.agrees(options.precision)) break;
  }
  ELBO_CHECK(
      d.agrees(options.precision), Code::failure,
      "the engines disagree: terms by {:.1e}, gradients by {:.1e} of their norm ({}); at most "
      "{:.0e} is expected\nPlease report this with config.toml, and use train.engine = autograd.",
      d.term, d.gradient, d.where, EngineDifference::allowed(options.precision));
  return fmt::format("engines agree: terms to {:.1e}, gradients to {:.1e} of their norm", d.term,
                     d.gradient);
}

}  // namespace elbo
