// SPDX-License-Identifier: Apache-2.0
// GFLOP/s of matrix products on one thread with operands in the cache, at the shapes of the dense
// and the convolutional benchmark, beside what the arithmetic units can do in registers; in bf16
// also with op(B) packed once, and how long that takes:
//
//     cmake --build build/release --target bench_products && build/release/bench/bench_products
//
// ELBO_ISA= forces a lower instruction set. Processor time, the best of 30 runs.
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "elbo/kernels/buffer.h"
#include "elbo/kernels/gemm.h"
#include "elbo/kernels/peak.h"

namespace elbo {
namespace {

struct Shape {
  const char* name;
  int64_t m, n, k;
  bool a_transposed, b_transposed;
  int64_t height;  // rows of a block
};

constexpr Shape kShapes[] = {
    {"encoder forwards", 128, 400, 784, false, true, 128},
    {"decoder forwards", 128, 784, 400, false, true, 128},
    {"decoder, to its input", 128, 400, 784, false, false, 128},
    {"decoder's weights", 784, 400, 128, true, false, 392},
    {"convolution forwards", 384, 64, 512, false, false, 384},
    {"its mirror, one phase", 384, 32, 256, false, false, 384},
    {"convolution's weights", 512, 64, 384, true, false, 512},
};

double seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// The least seconds that work takes.
template <class Work>
double best_of(int runs, Work work) {
  double best = 1e9;
  for (int i = 0; i < runs; ++i) {
    double start = seconds();
    work();
    best = std::min(best, seconds() - start);
  }
  return best;
}

Buffer some_numbers(int64_t n) {
  Buffer out(n);
  for (int64_t i = 0; i < n; ++i) out.data()[i] = 0.1f * static_cast<float>(i % 17 - 8);
  return out;
}

/// A product with numbers for it, and its blocks.
struct Product {
  explicit Product(const Shape& s)
      : a(some_numbers(s.m * s.k)), b(some_numbers(s.n * s.k)), c(s.m * s.n), height(s.height) {
    g.m = s.m, g.n = s.n, g.k = s.k;
    g.a = a.data(), g.lda = s.a_transposed ? s.m : s.k, g.a_transposed = s.a_transposed;
    g.b = b.data(), g.ldb = s.b_transposed ? s.k : s.n, g.b_transposed = s.b_transposed;
    g.c = c.data(), g.ldc = s.n;
  }
  /// Operations a second, by blocks of at most so many vectors.
  double rate(GemmBlock block, int64_t vectors) {
    Panels panels(g.n, gemm_kernels(isa()).lanes, vectors);
    double time = best_of(30, [&] {
      for (int64_t p = 0; p < panels.count(); ++p) {
        for (int64_t row = 0; row < g.m; row += height) {
          block(g, {row, std::min(height, g.m - row), panels.begin(p), panels.width(p)},
                scratch.data());
        }
      }
    });
    return 2.0 * static_cast<double>(g.m * g.n * g.k) / time;
  }
  Gemm g;
  Buffer a, b, c, scratch{kGemmScratch};
  int64_t height;
};

/// Packs op(B) for the product and tells how long that takes and how fast the product is then.
void tell_packed(Product& product) {
  const Bf16Kernels& kernels = bf16_kernels(isa());
  Gemm& g = product.g;
  Buffer room(kernels.packed_size(g));
  auto* packed = reinterpret_cast<uint32_t*>(room.data());
  int64_t rows = g.b_transposed ? g.n : g.k;
  double seconds = best_of(30, [&] { kernels.pack_b(g, 0, rows, packed); });
  g.b_packed = packed;
  double reached = product.rate(kernels.block, g.n);
  fmt::print("; packed in {:3.0f} us: {:5.0f} GFLOP/s", 1e6 * seconds, reached / 1e9);
}

void tell(Precision precision, const char* name) {
  constexpr int64_t kRounds = 50000;
  const PeakKernels& peak = peak_kernels(precision, isa());
  volatile float sink = 0;
  double most = kRounds * peak.operations / best_of(10, [&] { sink = peak.rounds(kRounds); });
  fmt::print("{}, {}: {:.0f} GFLOP/s in registers\n", name, isa_name(isa()), most / 1e9);
  for (const Shape& s : kShapes) {
    Product product(s);
    double reached = product.rate(gemm_block(precision, isa()), most_vectors(precision));
    fmt::print("  {:<22} {:>4} x {:>3} x {:>3} {:6.0f} GFLOP/s {:4.0f} %", s.name, s.m, s.n, s.k,
               reached / 1e9, 100 * reached / most);
    if (precision == Precision::bf16) tell_packed(product);
    fmt::print("\n");
  }
}

}  // namespace
}  // namespace elbo

int main() {
  elbo::tell(elbo::Precision::f32, "f32");
  elbo::tell(elbo::Precision::bf16, "bf16");
}
