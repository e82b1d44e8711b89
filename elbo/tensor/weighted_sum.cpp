// SPDX-License-Identifier: Apache-2.0
#include "elbo/tensor/weighted_sum.h"

#include <algorithm>
#include <numeric>

#include "elbo/tensor/autograd.h"
#include "elbo/tensor/memory.h"

namespace elbo {
namespace {

template <class T>
double sum_of_elements(const Tensor& t) {
  const T* x = t.data_ptr<T>();
  return std::accumulate(x, x + t.numel(), 0.0);
}

bool is_plain(const Tensor& t) {
  bool is_real = t.scalar_type() == at::kFloat || t.scalar_type() == at::kDouble;
  return t.is_cpu() && t.is_contiguous() && is_real;
}

struct WeightedSumNode : torch::autograd::Node {
  std::string name() const override { return "WeightedSumBackward"; }

  torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override {
    torch::autograd::variable_list out(weights.size());
    double given = gradients[0].item<double>();
    for (size_t i = 0; i < weights.size(); ++i) {
      if (!task_should_compute_output(i)) continue;
      const auto& [shape, options] = inputs[i];
      if (!options.device().is_cpu()) {
        out[i] = at::full(shape, given * weights[i], options);
        continue;
      }
      out[i] = reused_empty(shape, c10::typeMetaToScalarType(options.dtype()));
      fill(out[i], given * weights[i]);
    }
    return out;
  }

  static void fill(Tensor& t, double value) {
    if (t.scalar_type() == at::kDouble) {
      std::fill_n(t.data_ptr<double>(), t.numel(), value);
    } else if (t.scalar_type() == at::kFloat) {
      std::fill_n(t.data_ptr<float>(), t.numel(), static_cast<float>(value));
    } else {
      t.fill_(value);
    }
  }

  std::vector<double> weights;
  std::vector<std::pair<std::vector<int64_t>, at::TensorOptions>> inputs;
};

}  // namespace

double sum_of(const Tensor& t) {
  if (!is_plain(t)) return t.detach().sum(at::kDouble).item<double>();
  return t.scalar_type() == at::kFloat ? sum_of_elements<float>(t) : sum_of_elements<double>(t);
}

Tensor weighted_sum(const std::vector<std::pair<Tensor, double>>& terms) {
  double sum = 0;
  std::vector<Tensor> inputs;
  for (const auto& [t, weight] : terms) {
    sum += weight * sum_of(t);
    inputs.push_back(t);
  }
  Tensor out = reused_empty({}, at::kDouble);
  *out.data_ptr<double>() = sum;
  if (!needs_gradient(inputs)) return out;
  auto node = make_node<WeightedSumNode>(inputs);
  for (const auto& [t, weight] : terms) {
    node->weights.push_back(weight);
    node->inputs.emplace_back(t.sizes().vec(), t.options());
  }
  set_outputs<WeightedSumNode>(node, {out});
  return out;
}

}  // namespace elbo
