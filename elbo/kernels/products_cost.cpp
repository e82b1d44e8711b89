// SPDX-License-Identifier: Apache-2.0
#include "elbo/kernels/products_cost.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "elbo/kernels/buffer.h"

namespace elbo {
namespace {

/// A thread's part of a layer: so many examples of MNIST's size, and outputs of the layer, over
/// which looking for zeros is shared out.
constexpr int64_t kRows = 64, kInputs = 784, kOutputs = 400;
constexpr double kProducts = 2;  // that use what was found: forwards, and the weights' gradient

/// The least seconds that work takes.
template <class Work>
double best_time(Work work) {
  using Clock = std::chrono::steady_clock;
  double best = 1;
  for (int run = 0; run < 5; ++run) {
    auto start = Clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

Buffer every_fourth(int64_t n) {
  Buffer out(n);
  for (int64_t i = 0; i < n; i += 4) out.data()[i] = 1;
  return out;
}

/// A product of so many columns: A's every fourth element is not 0.
struct Layer {
  explicit Layer(int64_t columns)
      : a(every_fourth(kRows * kInputs)), w(columns * kInputs), c(kRows * columns) {
    g.m = kRows, g.n = columns, g.k = kInputs;
    g.a = a.data(), g.lda = kInputs;
    g.b = w.data(), g.ldb = kInputs, g.b_transposed = true;
    g.c = c.data(), g.ldc = columns;
  }
  double multiply_adds() const { return static_cast<double>(g.m * g.n * g.k); }
  Block all() const { return {0, g.m, 0, g.n}; }
  Gemm g;
  Buffer a, w, c;
};

double measure_dense(Precision precision, Isa isa) {
  Layer layer(most_vectors(precision) * gemm_kernels(isa).lanes);
  GemmBlock block = gemm_block(precision, isa);
  Buffer scratch(kGemmScratch), packed;
  if (precision == Precision::bf16) {
    const Bf16Kernels& kernels = bf16_kernels(isa);
    packed = Buffer(kernels.packed_size(layer.g));
    auto* to = reinterpret_cast<uint32_t*>(packed.data());
    kernels.pack_b(layer.g, 0, layer.g.n, to);
    layer.g.b_packed = to;
  }
  return best_time([&] { block(layer.g, layer.all(), scratch.data()); }) / layer.multiply_adds();
}

}  // namespace

double SkippingCosts::break_even() const { return std::clamp((dense - fixed) / nonzero, 0.0, 1.0); }

SkippingCosts measure_skipping(Precision precision, Isa isa) {
  const GemmKernels& kernels = gemm_kernels(isa);
  Layer layer(kPanelVectors * kernels.lanes);
  Buffer scratch(kInputs * layer.g.n);
  std::vector<int32_t> starts, ends, columns(size_t(kRows * kInputs));
  std::vector<float> values(columns.size());
  for (int64_t r = 0; r < kRows; ++r) starts.push_back(static_cast<int32_t>(r * kInputs));
  ends = starts;
  SparseRows a{starts.data(), ends.data(), columns.data(), values.data()};
  auto skip = [&] { kernels.sparse_block(layer.g, a, layer.all(), scratch.data()); };
  double nothing = best_time(skip);
  double looking = best_time([&] {
    for (size_t r = 0; r < size_t(kRows); ++r) {
      auto at = starts[r];
      auto found = kernels.find_nonzeros(layer.a.data() + at, kInputs, columns.data() + at,
                                         values.data() + at);
      ends[r] = at + static_cast<int32_t>(found);
    }
  });
  double quarter = best_time(skip);
  double all = layer.multiply_adds();
  SkippingCosts out;
  out.dense = measure_dense(precision, isa);
  out.nonzero = std::max(4 * (quarter - nothing), 0.0) / all;
  out.fixed = nothing / all + looking / (kRows * kInputs * kOutputs * kProducts);
  return out;
}

// As measured on a Zen 4, less where finding the lists of columns, which is not measured here,
// would decide. On tiles even looking for zeros takes longer than the product.
double most_nonzeros(Precision precision) {
  return precision == Precision::bf16 ? by_isa(isa(), 0.3, 0.3, 0.3, 0.18, 0.0) : 0.3;
}

}  // namespace elbo
