// SPDX-License-Identifier: Apache-2.0
// No kernel reads or writes beyond the end of what it is given: here the memory ends there.
// Products in bf16 and likelihoods are asked the same where their other tests are.
#include <gtest/gtest.h>

#include "elbo/kernels/activation.h"
#include "elbo/kernels/gemm_testing.h"
#include "elbo/kernels/norm.h"
#include "elbo/kernels/posterior.h"
#include "elbo/kernels/testing.h"
#include "elbo/kernels/update.h"

namespace elbo {
namespace {

TEST(Edge, ProductsKeepWithinTheirMatrices) {
  for_each_length([](Isa isa, size_t, int64_t n) {
    const GemmKernels& kernels = gemm_kernels(isa);
    for (auto [m, k, piece] :
         {std::tuple{1, 1, 0}, {11, 7, 0}, {2, 16, 0}, {8, 19, 0}, {3, 21, 7}}) {
      expect_kept_within(kernels.block, kernels.lanes, kPanelVectors, m, n, k, piece);
    }
  });
}

TEST(Edge, SparseProductsKeepWithinTheirMatrices) {
  for_each_length([](Isa isa, size_t size, int64_t n) {
    const GemmKernels& kernels = gemm_kernels(isa);
    const int64_t k = 7;
    const int32_t starts[] = {0, 2}, ends[] = {2, 3}, columns[] = {0, 6, 6};
    Edge values(3, 1), b(k * size, 1), c(2 * size),
        scratch(static_cast<size_t>(k * kPanelVectors * kernels.lanes));
    for (bool b_transposed : {false, true}) {
      Gemm g{.m = 2, .n = n, .k = k};
      g.b = b, g.ldb = b_transposed ? k : n, g.b_transposed = b_transposed;
      g.c = c, g.ldc = n;
      Panels panels(n, kernels.lanes);
      for (int64_t i = 0; i < panels.count(); ++i) {
        kernels.sparse_block(g, SparseRows{starts, ends, columns, values},
                             {0, 2, panels.begin(i), panels.width(i)}, scratch);
      }
      EXPECT_EQ(c[0], 2);
      EXPECT_EQ(c[2 * n - 1], 1);
    }
  });
}

TEST(Edge, TranspositionAndNonZerosKeepWithin) {
  for_each_length([](Isa isa, size_t size, int64_t n) {
    const GemmKernels& kernels = gemm_kernels(isa);
    Edge from(5 * size, 1), to(5 * size), values(size), places(size);  // places: of 4 bytes too
    kernels.transpose({from, n}, 5, n, {to, 5});
    kernels.transpose({from, 5}, n, 5, {to, n});
    kernels.add_block(from, n, 5, n, to, n);
    auto* columns = reinterpret_cast<int32_t*>(static_cast<float*>(places));
    EXPECT_EQ(kernels.find_nonzeros(from, n, columns, values), n);
    Edge none(size);
    EXPECT_EQ(kernels.find_nonzeros(none, n, columns, values), 0);
  });
}

TEST(Edge, ActivationsKeepWithinTheirRows) {
  for_each_length([](Isa isa, size_t size, int64_t n) {
    const ActivationKernels& kernels = activation_kernels(isa);
    Edge bias(size, 1), y(size), sums(size), dy(size, 1), rows(3 * size, 1), out(size);
    for (int a = 0; a <= static_cast<int>(Activation::softplus); ++a) {
      kernels.forward(static_cast<Activation>(a), bias, y, sums, n);
      kernels.backward(static_cast<Activation>(a), y, sums, dy, n);
    }
    kernels.multiply(bias, y, n);
    kernels.column_sums(rows, n, 3, n, out);
    EXPECT_EQ(out[n - 1], 3);
    EXPECT_EQ(kernels.square_sum(rows, n, 3, n), 3 * n);
  });
}

TEST(Edge, PosteriorsKeepWithinTheirParameters) {
  for_each_length([](Isa isa, size_t size, int64_t n) {
    for (const char* name : {"diagonal", "full", "point"}) {
      const PosteriorKernels& kernels = *posterior_kernels(name, isa);
      auto count = static_cast<size_t>(kernels.parameters(n));
      auto groups = static_cast<size_t>(kernels.groups(n));
      Edge parameters(count, 0.1f), gradient(count), noise(size, 1), z(size), dz(size, 1),
          kl(groups), weight(groups, 1);
      kernels.forward(parameters, noise, n, z, kl);
      kernels.backward(parameters, noise, n, dz, weight, 1, gradient);
      EXPECT_GT(z[n - 1], 0);
    }
  });
}

TEST(Edge, NormsKeepWithinTheirRows) {
  for_each_length([](Isa isa, size_t size, int64_t n) {
    const NormKernels& kernels = norm_kernels(isa);
    Edge x(size, 3), mean(size, 1), inverse(size, 1), g(size, 1), ones(size, 1), y(size),
        sums(size), products(size);
    double sum = 0, product = 0;
    kernels.add(x, n, sums);
    kernels.add_squares(x, mean, n, sums);
    EXPECT_EQ(sums[n - 1], 7);
    kernels.by_column(x, mean, ones, ones, n, y);
    kernels.add_gradients(g, x, mean, inverse, n, sums, products);
    kernels.column_gradient(g, x, mean, inverse, ones, ones, ones, n, y);
    EXPECT_EQ(y[n - 1], -2);
    kernels.row_sums(x, 1, n, &sum, &product);
    EXPECT_EQ(product, 4 * n);
    kernels.by_row(x, 1, 1, ones, ones, n, y);
    kernels.row_gradients(g, x, 1, 1, ones, n, &sum, &product, products, sums);
    EXPECT_EQ(product, 2 * n);
    kernels.row_gradient(g, x, 1, 1, ones, 1, 1, n, y);
    EXPECT_EQ(y[n - 1], -2);
  });
}

TEST(Edge, UpdatesKeepWithinTheirWeights) {
  for_each_length([](Isa isa, size_t size, int64_t n) {
    const UpdateKernels& kernels = update_kernels(isa);
    UpdateStep s{.lr = 0.1f, .momentum = 0.9f, .beta1 = 0.9f, .beta2 = 0.9f, .eps = 1e-8f};
    Edge w(size), g(size, 1), first(size), second(size);
    kernels.sgd(s, w, g, first, n);
    kernels.rmsprop(s, w, g, second, first, n);
    kernels.adam(s, w, g, first, second, n);
    EXPECT_LT(w[n - 1], 0);
    kernels.average(0.5f, first, w, n);
  });
}

}  // namespace
}  // namespace elbo
