// SPDX-License-Identifier: Apache-2.0
#include "elbo/tensor/random.h"

#include <ATen/Parallel.h>

namespace elbo {
namespace {

std::span<float> span_of(const Tensor& t) {
  return {t.data_ptr<float>(), static_cast<size_t>(t.numel())};
}

template <class OnCpu, class OnDevice>
Tensor draw(Rng& rng, at::IntArrayRef shape, at::TensorOptions options, OnCpu on_cpu,
            OnDevice on_device) {
  at::NoGradGuard no_grad;
  if (options.device().is_cpu()) {
    Tensor out = at::empty(shape, at::kFloat);
    on_cpu(span_of(out));
    return out.to(options.dtype().toScalarType());
  }
  std::array<uint32_t, 2> words;
  rng.bits(words);
  at::Generator generator = at::globalContext().defaultGenerator(options.device()).clone();
  generator.set_current_seed((uint64_t{words[1]} << 32) | words[0]);
  Tensor out = at::empty(shape, options);
  on_device(out, generator);
  return out;
}

}  // namespace

Tensor normal(Rng& rng, at::IntArrayRef shape, at::TensorOptions options) {
  return draw(
      rng, shape, options, [&](std::span<float> out) { rng.normal(out); },
      [](Tensor& out, at::Generator g) { out.normal_(0, 1, g); });
}

Tensor uniform(Rng& rng, at::IntArrayRef shape, at::TensorOptions options) {
  return draw(
      rng, shape, options, [&](std::span<float> out) { rng.uniform(out); },
      [](Tensor& out, at::Generator g) { out.uniform_(0, 1, g); });
}

Tensor uniform_by_row(const Rng& rng, const Tensor& rows, int64_t n) {
  Tensor out = at::empty({rows.size(0), n}, at::kFloat);
  const int64_t* row = rows.data_ptr<int64_t>();
  at::parallel_for(0, rows.size(0), 16, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      rng.at(static_cast<uint64_t>(row[b])).uniform(span_of(out).subspan(size_t(b * n), size_t(n)));
    }
  });
  return out;
}

Tensor bernoulli_by_row(const Rng& rng, const Tensor& rows, const Tensor& p) {
  int64_t n = p[0].numel();
  Tensor chance = p.contiguous(), out = at::empty_like(chance);
  const int64_t* row = rows.data_ptr<int64_t>();
  at::parallel_for(0, rows.size(0), 16, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      const float* threshold = chance.data_ptr<float>() + b * n;
      float* x = out.data_ptr<float>() + b * n;
      rng.at(static_cast<uint64_t>(row[b])).uniform({x, size_t(n)});
      for (int64_t i = 0; i < n; ++i) x[i] = x[i] < threshold[i] ? 1.0f : 0.0f;
    }
  });
  return out;
}

}  // namespace elbo
