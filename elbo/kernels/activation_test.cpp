// SPDX-License-Identifier: Apache-2.0
#include "elbo/kernels/activation.h"

#include <gtest/gtest.h>

#include "elbo/kernels/testing.h"

namespace elbo {
namespace {

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

struct Reference {
  Activation activation;
  const char* name;
  double (*f)(double);
};

const Reference kReferences[] = {
    {Activation::none, "none", [](double x) { return x; }},
    {Activation::relu, "relu", [](double x) { return std::max(x, 0.0); }},
    {Activation::tanh, "tanh", [](double x) { return std::tanh(x); }},
    {Activation::sigmoid, "sigmoid", logistic},
    {Activation::leaky_relu, "leaky-relu", [](double x) { return x > 0 ? x : 0.01 * x; }},
    {Activation::elu, "elu", [](double x) { return x > 0 ? x : std::expm1(x); }},
    {Activation::gelu, "gelu", [](double x) { return x * std::erfc(-x / std::sqrt(2)) / 2; }},
    {Activation::silu, "silu", [](double x) { return x * logistic(x); }},
    {Activation::softplus, "softplus",
     [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }},
};

/// Sums of all sizes, none so near 0 that a difference would reach over a bend there.
std::vector<float> sums_to_try(size_t n, uint64_t seed) {
  auto x = uniforms(n, -6, 6, seed);
  for (size_t i = 0; i < n; ++i) {
    if (i % 4 == 0) x[i] *= 0.1f;
    if (i % 7 == 0) x[i] *= 10;
    if (std::abs(x[i]) < 1e-3f) x[i] = 0.5f;
  }
  return x;
}

/// What one forward pass gives.
struct Pass {
  Pass(Isa isa, Activation a, std::span<const float> x, std::span<const float> bias, bool keep)
      : y(x), sums(x.size(), kNaN) {
    Guarded shift(bias);
    activation_kernels(isa).forward(a, shift, y, keep ? sums.data() : nullptr,
                                    static_cast<int64_t>(x.size()));
    EXPECT_TRUE(y.is_intact() && sums.is_intact() && same_bits(shift.values(), bias));
  }
  Guarded y, sums;
};

TEST(Activation, NamesAreThoseOfNets) {
  for (const Reference& r : kReferences) EXPECT_EQ(try_activation(r.name), r.activation);
  EXPECT_FALSE(try_activation("Relu"));
  EXPECT_FALSE(try_activation(""));
}

// Errors of math.h and two roundings; gelu for x < 0 is x times a small difference, as elsewhere.
TEST(Activation, ForwardEqualsItsFormula) {
  for (Isa isa : machine_isas()) {
    for (const Reference& r : kReferences) {
      for (size_t n = 1; n <= 40; ++n) {
        auto x = sums_to_try(n, n), bias = uniforms(n, -1, 1, n);
        Pass with(isa, r.activation, x, bias, true), without(isa, r.activation, x, bias, false);
        EXPECT_TRUE(same_bits(with.y.values(), without.y.values()));
        for (size_t i = 0; i < n; ++i) {
          float sum = x[i] + bias[i];
          double want = r.f(sum), size = r.activation == Activation::gelu ? sum : want;
          ASSERT_EQ(with.sums[i], sum);
          ASSERT_NEAR(with.y[i], want, 5e-7 * std::abs(size))
              << r.name << " " << name_of(isa) << " " << sum;
        }
      }
    }
  }
}

TEST(Activation, BackwardIsTheSlopeOfItsFormula) {
  for (Isa isa : machine_isas()) {
    for (const Reference& r : kReferences) {
      for (size_t n = 1; n <= 40; ++n) {
        auto x = sums_to_try(n, n + 100), dy = uniforms(n, -3, 3, n);
        Pass pass(isa, r.activation, x, std::vector<float>(n), true);
        Guarded got(dy);
        activation_kernels(isa).backward(r.activation, pass.y,
                                         needs_sums(r.activation) ? pass.sums.data() : nullptr, got,
                                         static_cast<int64_t>(n));
        EXPECT_TRUE(got.is_intact());
        for (size_t i = 0; i < n; ++i) {
          double slope = (r.f(x[i] + 1e-5) - r.f(x[i] - 1e-5)) / 2e-5;
          ASSERT_NEAR(got[i], dy[i] * slope, 1e-6 * std::abs(dy[i]))
              << r.name << " " << name_of(isa) << " " << x[i];
        }
      }
    }
  }
}

TEST(Activation, NanStaysNanAndExtremesTakeTheirLimits) {
  for (Isa isa : machine_isas()) {
    for (const Reference& r : kReferences) {
      const std::vector<float> x = {kNaN, kInf, 1e30f, -1e30f, 0.0f, 1e-40f};
      Pass pass(isa, r.activation, x, std::vector<float>(x.size()), true);
      EXPECT_TRUE(std::isnan(pass.y[0])) << r.name << " " << name_of(isa);
      for (size_t i = 1; i < x.size(); ++i) {
        double want = r.f(x[i]), bound = std::isinf(want) ? 0 : 5e-7 * std::abs(want) + 1e-7;
        EXPECT_TRUE(pass.y[i] == want || std::abs(pass.y[i] - want) <= bound)
            << r.name << " of " << x[i] << " is " << pass.y[i];
      }
      Guarded dy(std::vector<float>(x.size(), kNaN));
      activation_kernels(isa).backward(r.activation, pass.y, pass.sums, dy,
                                       static_cast<int64_t>(x.size()));
      for (float d : dy.values()) EXPECT_TRUE(std::isnan(d)) << r.name;
    }
  }
}

TEST(Activation, MultiplyIsElementwise) {
  for (Isa isa : machine_isas()) {
    for (size_t n = 1; n <= 40; ++n) {
      auto x = uniforms(n, -2, 2, 1), factors = uniforms(n, -2, 2, 2);
      Guarded got(x), by(factors);
      activation_kernels(isa).multiply(by, got, static_cast<int64_t>(n));
      for (size_t i = 0; i < n; ++i) EXPECT_EQ(got[i], x[i] * factors[i]);
      EXPECT_TRUE(got.is_intact());
    }
  }
}

TEST(Activation, ColumnSumsAddUpRows) {
  std::vector<int64_t> widths = {63, 64, 65, 150};
  for (int64_t n = 1; n <= 40; ++n) widths.push_back(n);
  for (Isa isa : machine_isas()) {
    for (int64_t rows : {0, 1, 2, 9, 100, 128, 129, 300}) {
      for (int64_t n : widths) {
        int64_t stride = n + 3;
        auto x = uniforms(static_cast<size_t>(rows * stride), -1, 1);
        Guarded from(x), got(static_cast<size_t>(n), kNaN), lowest(static_cast<size_t>(n), kNaN);
        activation_kernels(isa).column_sums(from, stride, rows, n, got);
        for (int64_t j = 0; j < n; ++j) {
          double want = 0, size = 0;
          for (int64_t r = 0; r < rows; ++r) {
            want += from[r * stride + j];
            size += std::abs(from[r * stride + j]);
          }
          double roundings = static_cast<double>(std::min(rows, kSumRows));
          ASSERT_NEAR(got[j], want, std::ldexp(roundings, -24) * size);
        }
        activation_kernels(Isa::scalar).column_sums(from, stride, rows, n, lowest);
        EXPECT_TRUE(same_bits(got.values(), lowest.values()));
        EXPECT_TRUE(got.is_intact());
      }
    }
  }
}

TEST(Activation, ColumnSumsOfManyRowsLoseNothing) {
  constexpr int64_t kRows = (1 << 20) + 5, kWidth = 3;
  auto x = uniforms(static_cast<size_t>(kRows * kWidth), 0, 1);
  for (int64_t r = 0; r < kRows; ++r) x[static_cast<size_t>(r * kWidth)] = 0.1f;
  double want[kWidth] = {};
  for (size_t i = 0; i < x.size(); ++i) want[i % kWidth] += double{x[i]};
  for (Isa isa : machine_isas()) {
    float got[kWidth];
    activation_kernels(isa).column_sums(x.data(), kWidth, kRows, kWidth, got);
    for (int64_t j = 0; j < kWidth; ++j) {
      EXPECT_NEAR(got[j], want[j], 1e-5 * want[j]) << name_of(isa);
    }
  }
}

/// Rows of n elements whose strides' rests are NaN.
Guarded& with_gaps(Guarded& x, int64_t stride, int64_t n) {
  auto values = x.values();
  for (size_t i = 0; i < values.size(); ++i) {
    if (static_cast<int64_t>(i) % stride >= n) x[static_cast<int64_t>(i)] = kNaN;
  }
  return x;
}

// All terms are positive: the error is below their longest chain in f32 times 2^-24.
TEST(Activation, SquareSumIsWithinItsRoundings) {
  for (Isa isa : machine_isas()) {
    for (int64_t rows : {0, 1, 3, 8, 9, 17}) {
      for (int64_t n : {1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 40, 511, 512, 513, 1100}) {
        int64_t stride = n + 2;
        Guarded x(uniforms(static_cast<size_t>(rows * stride), -1, 1));
        double want = 0;
        for (int64_t i = 0; i < rows * n; ++i) {
          double value = x[i / n * stride + i % n];
          want += value * value;
        }
        double got = activation_kernels(isa).square_sum(with_gaps(x, stride, n), stride, rows, n);
        double chain = static_cast<double>(std::min<int64_t>(8, rows) * std::min<int64_t>(512, n));
        EXPECT_NEAR(got, want, std::ldexp(chain / 4 + 20, -24) * want) << rows << " by " << n;
      }
    }
  }
}

TEST(Activation, SquareSumTellsOfEveryElementThatIsNotFinite) {
  for (Isa isa : machine_isas()) {
    for (int64_t n : {1, 3, 17, 40, 520}) {
      for (int64_t at = 0; at < 2 * n; ++at) {
        for (float bad : {kNaN, kInf, -kInf, 1e20f}) {
          Guarded x(static_cast<size_t>(2 * n), 0.5f);
          x[at] = bad;
          double got = activation_kernels(isa).square_sum(x, n, 2, n);
          ASSERT_TRUE(std::isnan(bad) ? std::isnan(got) : std::isinf(got)) << bad << " at " << at;
        }
      }
    }
  }
}

}  // namespace
}  // namespace elbo
