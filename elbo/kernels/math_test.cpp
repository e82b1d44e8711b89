// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <bit>
#include <cstdio>

#include "elbo/kernels/math_testing.h"
#include "elbo/kernels/testing.h"

namespace elbo {

namespace scalar {
extern const MathFunction kMath[kMathFunctions];
}
#if defined(__x86_64__)
namespace avx2 {
extern const MathFunction kMath[kMathFunctions];
}
namespace avx512 {
extern const MathFunction kMath[kMathFunctions];
}
#else
namespace avx2 = scalar;
namespace avx512 = scalar;
#endif

namespace {

/// A function in double, the range on which math.h promises it, and the most ULP by which it may be
/// off there: what a grid of every 13th float has shown, and a little more.
struct Reference {
  const char* name;
  double (*f)(double);
  float lo, hi;
  double bound;
};

const Reference kReferences[] = {
    {"exp", [](double x) { return std::exp(x); }, -87.3f, 87.3f, 1.25},
    {"log", [](double x) { return std::log(x); }, 1.2e-38f, kInf, 1},
    {"log1p_unit", [](double x) { return std::log1p(x); }, 0, 1, 1},
    {"sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }, -87.3f, kInf, 3},
    {"softplus", [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); },
     -87.3f, kInf, 2},
    {"tanh", [](double x) { return std::tanh(x); }, -kInf, kInf, 1.75},
    {"expm1_negative", [](double x) { return std::expm1(x); }, -kInf, 0, 1.75},
    {"erf", [](double x) { return std::erf(x); }, -kInf, kInf, 2.75},
};

std::vector<float> apply(const char* name, Isa isa, const std::vector<float>& x) {
  const MathFunction* table = by_isa(isa, scalar::kMath, avx2::kMath, avx512::kMath);
  std::vector<float> y(x.size());
  for (int i = 0; i < kMathFunctions; ++i) {
    if (!std::strcmp(table[i].name, name)) {
      table[i].apply(x.data(), y.data(), static_cast<int64_t>(x.size()));
      return y;
    }
  }
  ADD_FAILURE() << "no function " << name;
  return y;
}

/// Floats of [lo, hi]: its ends, an even share of all of them, subnormal ones included, and more
/// between -20 and 20.
std::vector<float> grid(float lo, float hi) {
  std::vector<float> out = {lo, hi};
  auto add = [&](float x) {
    if (x >= lo && x <= hi) out.push_back(x);
  };
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += 9973) {
    add(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  }
  for (float x : uniforms(100000, -20, 20)) add(x);
  for (float x : uniforms(50000, -1, 1)) add(x);
  return out;
}

/// |got - want| in units of want's last place; NaN where only one of them is finite.
double ulp_error(float got, double want) {
  if (static_cast<double>(got) == want) return 0;
  int exponent;
  std::frexp(want, &exponent);
  return std::abs(got - want) / std::ldexp(1.0, std::max(exponent - 1, -126) - 23);
}

TEST(Math, IsWithinAFewUlpEverywhere) {
  std::printf("%-15s %10s", "largest error", "bound");
  for (Isa isa : machine_isas()) std::printf(" %8s", name_of(isa).c_str());
  std::printf(" ULP\n");
  for (const Reference& r : kReferences) {
    auto x = grid(r.lo, r.hi);
    std::vector<double> want;
    for (float value : x) want.push_back(r.f(value));
    std::printf("%-15s %10.2f", r.name, r.bound);
    for (Isa isa : machine_isas()) {
      auto y = apply(r.name, isa, x);
      double worst = 0;
      size_t at = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        double error = ulp_error(y[i], want[i]);
        if (error <= worst) continue;
        worst = error;
        at = i;
        if (std::isnan(error)) break;
      }
      EXPECT_LE(worst, r.bound) << r.name << " " << name_of(isa) << " of " << x[at] << " is "
                                << y[at] << " for " << want[at];
      std::printf(" %8.3f", worst);
    }
    std::printf("\n");
  }
}

TEST(Math, NanStaysNan) {
  for (Isa isa : machine_isas()) {
    for (const Reference& r : kReferences) {
      for (float y : apply(r.name, isa, std::vector<float>(17, kNaN))) EXPECT_TRUE(std::isnan(y));
    }
  }
}

TEST(Math, ExponentialsAreHeldWhereTheyAreNormalAndFinite) {
  const std::vector<float> below = {-kInf, -1e30f, -1000, -87.5f}, above = {kInf, 1e30f, 87.5f};
  for (Isa isa : machine_isas()) {
    float least = apply("exp", isa, {-87.3f})[0], most = apply("exp", isa, {87.3f})[0];
    EXPECT_GT(least, std::numeric_limits<float>::min());
    for (float y : apply("exp", isa, below)) EXPECT_EQ(y, least);
    for (float y : apply("exp", isa, above)) EXPECT_EQ(y, most);
    for (const char* name : {"sigmoid", "softplus"}) {  // there the true value is less
      for (float y : apply(name, isa, below)) EXPECT_EQ(y, least) << name;
    }
    for (const Reference& r : kReferences) {
      EXPECT_TRUE(std::isfinite(apply(r.name, isa, {r.lo == -kInf ? -3e38f : r.lo})[0])) << r.name;
    }
  }
}

TEST(Math, TanhAndErfAreOdd) {
  auto x = grid(0, kInf), minus = x;
  for (float& v : minus) v = -v;
  for (Isa isa : machine_isas()) {
    for (const char* name : {"tanh", "erf"}) {
      auto y = apply(name, isa, x), z = apply(name, isa, minus);
      for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(y[i], -z[i]) << name << " " << x[i];
    }
  }
}

TEST(Math, ElementsDoNotDependOnTheirLane) {
  for (Isa isa : machine_isas()) {
    for (const Reference& r : kReferences) {
      for (float x : {0.0f, 0.3f, 0.7f, 1.0f}) {
        if (x < r.lo || x > r.hi) continue;
        auto y = apply(r.name, isa, std::vector<float>(37, x));
        EXPECT_EQ(y, std::vector<float>(37, y[0])) << r.name;
      }
    }
  }
}

}  // namespace
}  // namespace elbo
