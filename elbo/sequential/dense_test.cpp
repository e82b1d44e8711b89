// SPDX-License-Identifier: Apache-2.0
#include "elbo/sequential/dense.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace elbo::sequential {
namespace {

Tensor draws(at::IntArrayRef shape, uint64_t seed) {
  Rng rng(seed, "dense");
  return normal(rng, shape);
}

/// What a layer finds: out, d in and d weight.
struct Found {
  Tensor out, d_in, d_weight;
};

/// A layer with so many workers, its products in bf16 by a packed weight.
Found by_layer(const Tensor& x, const Tensor& weight, const Tensor& d_out, int members) {
  Workers workers(members);
  int64_t rows = x.size(0);
  Found found{at::empty_like(d_out), at::empty_like(x), at::empty_like(weight)};
  Signal in(x.size(1), true), out(weight.size(0), true);
  in.value = in.activated = x.data_ptr<float>(), in.gradient = found.d_in.data_ptr<float>();
  out.is_outside = true;
  out.activated = found.out.data_ptr<float>(), out.gradient = d_out.data_ptr<float>();
  Tensor zeros = at::zeros({weight.size(0)});
  Parameter w{weight.data_ptr<float>(), found.d_weight.data_ptr<float>()};
  Parameter bias{zeros.data_ptr<float>(), nullptr};
  PackedWeight packed(weight);
  Dense layer(in, out, w, bias, nullptr, &packed);
  layer.reserve(rows + 40);  // more than there are
  workers.reserve(layer.scratch());
  Work work(workers, rows);
  layer.forward(work);
  layer.backward(work);
  return found;
}

/// C by the kernels for products in bf16 that pack op(B) themselves.
Tensor product(Gemm g) {
  Tensor out = at::empty({g.m, g.n});
  g.c = out.data_ptr<float>(), g.ldc = g.n;
  Panels panels(g.n, gemm_kernels(isa()).lanes, most_vectors(Precision::bf16));
  Buffer scratch(kGemmScratch);
  for (int64_t p = 0; p < panels.count(); ++p) {
    gemm_block(Precision::bf16, isa())(g, {0, g.m, panels.begin(p), panels.width(p)},
                                       scratch.data());
  }
  return out;
}

Found by_products(const Tensor& x, const Tensor& weight, const Tensor& d_out) {
  int64_t rows = x.size(0), ins = x.size(1), outs = weight.size(0);
  Gemm to_output{.m = rows, .n = outs, .k = ins, .a = x.data_ptr<float>(), .lda = ins};
  to_output.b = weight.data_ptr<float>(), to_output.ldb = ins, to_output.b_transposed = true;
  Gemm to_input{.m = rows, .n = ins, .k = outs, .a = d_out.data_ptr<float>(), .lda = outs};
  to_input.b = weight.data_ptr<float>(), to_input.ldb = ins;
  Gemm to_weight{.m = outs, .n = ins, .k = rows, .a = d_out.data_ptr<float>(), .lda = outs};
  to_weight.a_transposed = true, to_weight.b = x.data_ptr<float>(), to_weight.ldb = ins;
  return {product(to_output), product(to_input), product(to_weight)};
}

TEST(Dense, InBf16IsTheProductsOfUnpackedWeightsBitForBit) {
  for (auto [rows, ins, outs] : {std::tuple{1, 1, 1},
                                 {33, 70, 50},
                                 {130, 17, 300},
                                 {20, 1100, 40},
                                 {5, 300, 1300},
                                 {700, 65, 33}}) {
    Tensor x = draws({rows, ins}, 1), weight = draws({outs, ins}, 2),
           d_out = draws({rows, outs}, 3);
    Found want = by_products(x, weight, d_out);
    for (int members : {1, 2, 3, 7}) {
      SCOPED_TRACE(fmt::format("{} x {} to {}, {} workers", rows, ins, outs, members));
      Found got = by_layer(x, weight, d_out, members);
      EXPECT_TRUE(at::equal(got.out, want.out));
      EXPECT_TRUE(at::equal(got.d_in, want.d_in));
      EXPECT_TRUE(at::equal(got.d_weight, want.d_weight));
    }
  }
}

TEST(Grid, OfPackedCoversEveryElementOnceAndKeepsAllBusy) {
  for (int64_t rows : {0, 1, 16, 31, 100, 128, 400, 1000}) {
    for (int64_t columns : {1, 40, 400, 784, 3000}) {
      for (int64_t lanes : {4, 16}) {
        for (int64_t members : {1, 2, 3, 8}) {
          SCOPED_TRACE(fmt::format("{} x {}, {} lanes, {} members", rows, columns, lanes, members));
          Grid grid = Grid::of_packed(rows, columns, lanes, members);
          int64_t elements = 0, end = 0;
          for (int64_t turn = 0; turn < grid.turns(); ++turn) {
            Block b = grid.block(turn);
            elements += b.rows * b.columns;
            end = std::max(end, (b.row + b.rows) * columns + b.column + b.columns);
            EXPECT_EQ(b.column % lanes, 0);
            EXPECT_LE(b.columns, kMostPackedVectors * lanes);
          }
          EXPECT_EQ(elements, rows * columns);
          EXPECT_LE(end, (rows + 1) * columns);
          if (rows >= 128 && columns >= 400) EXPECT_GE(grid.turns(), members);
        }
      }
    }
  }
}

struct Packed {
  explicit Packed(const Tensor& w) : weight(w), copies(w) {}
  /// The first pair of each copy once they are refreshed.
  std::pair<uint32_t, uint32_t> first() {
    copies.refresh(team, true, true);
    return {*copies.to_output(), *copies.to_input()};
  }
  Tensor weight;
  PackedWeight copies;
  Team team{2};
};

TEST(PackedWeight, FollowsTheWeightHoweverItChanges) {
  at::NoGradGuard no_grad;
  Packed p(at::ones({40, 50}));
  auto ones = p.first();
  EXPECT_EQ(ones.first, 0x3F803F80u);
  EXPECT_EQ(ones, std::pair(ones.first, ones.first));
  std::pair<uint32_t, uint32_t> twos{0x40004000, 0x40004000}, fours{0x40804080, 0x40804080};
  p.weight.copy_(at::full({40, 50}, 2.0f));
  EXPECT_EQ(p.first(), twos);
  std::fill_n(p.weight.data_ptr<float>(), 2000, 4.0f);  // as optimizers do
  p.weight.unsafeGetTensorImpl()->bump_version();
  EXPECT_EQ(p.first(), fours);
  for (float value : {1.0f, 2.0f, 1.0f}) {  // its version stays
    p.weight.set_data(at::full({40, 50}, value));
    EXPECT_EQ(p.first(), value == 1 ? ones : twos);
  }
}

TEST(PackedWeight, IsMadeOnceForAllPasses) {
  at::NoGradGuard no_grad;
  Packed p(at::ones({40, 50}));
  p.copies.refresh(p.team, true, false);
  EXPECT_EQ(p.copies.to_input(), nullptr);
  auto ones = p.first();
  std::fill_n(p.weight.data_ptr<float>(), 2000, 2.0f);  // which nobody is told of
  EXPECT_EQ(p.first(), ones);
}

}  // namespace
}  // namespace elbo::sequential
