// SPDX-License-Identifier: Apache-2.0
#include "elbo/kernels/mixture.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "elbo/kernels/testing.h"

namespace elbo {
namespace {

/// A drawn mixture and rows, and what the kernels of one instruction set make of them.
struct Example {
  Example(Isa isa, int64_t components, int64_t latent, int64_t rows)
      : kernels(mixture_kernels(isa)), c(components), z_size(latent), n(rows) {
    auto size = [](int64_t a, int64_t b) { return static_cast<size_t>(a * b); };
    mean = uniforms(size(c, z_size), -2, 2, 1);
    log_var = uniforms(size(c, z_size), -2, 1, 2);
    z = uniforms(size(n, z_size), -2, 2, 3);
    weight = uniforms(size(n, 1), 0.2f, 1, 4);
    stride = mixture_stride(c);
    memory.resize(size(2 * z_size + 1, stride), kNaN);
    float* at = memory.data();
    parts = {at, at + z_size * stride, at + 2 * z_size * stride, c, z_size, stride};
    kernels.prepare(mean.data(), log_var.data(), parts);
    shares.resize(size(n, stride), kNaN);
  }

  std::vector<double> forward() {
    std::vector<double> out;
    for (int64_t r = 0; r < n; ++r) {
      out.push_back(kernels.row(parts, z.data() + r * z_size, shares.data() + r * stride));
    }
    return out;
  }

  const MixtureKernels& kernels;
  int64_t c, z_size, n, stride;
  std::vector<float> mean, log_var, z, weight, memory, shares;
  MixtureParts parts{};
};

/// sum_n weight_n log p(z_n) in double.
double weighted(const Example& e, const std::vector<double>& mean,
                const std::vector<double>& log_var, const std::vector<double>& z) {
  double out = 0;
  for (int64_t r = 0; r < e.n; ++r) {
    double p = 0;
    for (int64_t c = 0; c < e.c; ++c) {
      double log_p = 0;
      for (int64_t j = 0; j < e.z_size; ++j) {
        auto at = static_cast<size_t>(c * e.z_size + j);
        double off = z[static_cast<size_t>(r * e.z_size + j)] - mean[at];
        log_p -=
            (std::log(2 * std::numbers::pi) + log_var[at] + off * off / std::exp(log_var[at])) / 2;
      }
      p += std::exp(log_p) / static_cast<double>(e.c);
    }
    out += e.weight[static_cast<size_t>(r)] * std::log(p);
  }
  return out;
}

template <class Body>
void for_each_example(Body body) {
  for (Isa isa : machine_isas()) {
    for (int64_t components : {1, 3, 64, 65, 130}) {
      for (int64_t latent : {1, 2, 5, 17}) {
        SCOPED_TRACE(name_of(isa) + " components " + std::to_string(components) + " latent " +
                     std::to_string(latent));
        ASSERT_NO_FATAL_FAILURE(body(Example(isa, components, latent, 6)));
      }
    }
  }
}

TEST(MixtureKernels, DensityEqualsItsFormulaAndSharesAddUpToOne) {
  for_each_example([](Example e) {
    std::vector<double> log_p = e.forward();
    double sum = 0;
    for (int64_t r = 0; r < e.n; ++r) {
      sum += e.weight[static_cast<size_t>(r)] * log_p[static_cast<size_t>(r)];
      double shares = 0;
      for (int64_t c = 0; c < e.c; ++c) shares += e.shares[static_cast<size_t>(r * e.stride + c)];
      ASSERT_NEAR(shares, 1, 1e-5);
    }
    double exact = weighted(e, doubles(e.mean), doubles(e.log_var), doubles(e.z));
    ASSERT_NEAR(sum, exact, 1e-6 * (5 + std::abs(exact)));
  });
}

TEST(MixtureKernels, GradientsEqualCentralDifferences) {
  for_each_example([](Example e) {
    e.forward();
    Guarded of_mean(e.mean.size(), kNaN), of_log_var(e.mean.size(), kNaN), dz(e.z.size(), kNaN);
    for (int64_t block = 0; block < e.stride / kMixtureBlock; ++block) {
      e.kernels.of_block(e.parts, e.z.data(), e.shares.data(), e.weight.data(), e.n, block, of_mean,
                         of_log_var);
    }
    for (int64_t r = 0; r < e.n; ++r) {
      e.kernels.of_row(e.parts, e.z.data() + r * e.z_size, e.shares.data() + r * e.stride,
                       e.weight[static_cast<size_t>(r)], dz.data() + r * e.z_size);
    }
    ASSERT_TRUE(of_mean.is_intact() && of_log_var.is_intact() && dz.is_intact());
    std::vector<double> mean = doubles(e.mean), log_var = doubles(e.log_var), z = doubles(e.z);
    auto check = [&](std::vector<double>& at, Guarded& found) {
      for (size_t i = 0; i < at.size(); i += 1 + at.size() / 23) {
        double before = at[i], step = 1e-5;
        at[i] = before + step;
        double above = weighted(e, mean, log_var, z);
        at[i] = before - step;
        double slope = (above - weighted(e, mean, log_var, z)) / (2 * step);
        at[i] = before;
        ASSERT_NEAR(found.values()[i], slope, 2e-5 * (1 + std::abs(slope))) << i;
      }
    };
    ASSERT_NO_FATAL_FAILURE(check(mean, of_mean));
    ASSERT_NO_FATAL_FAILURE(check(log_var, of_log_var));
    ASSERT_NO_FATAL_FAILURE(check(z, dz));
  });
}

TEST(MixtureKernels, ARowFarFromAllComponentsStaysFinite) {
  for (Isa isa : machine_isas()) {
    Example e(isa, 3, 2, 1);
    e.z = {1e6f, -1e6f};
    EXPECT_TRUE(std::isfinite(e.forward()[0])) << name_of(isa);
    e.z = {kNaN, 0};
    EXPECT_TRUE(std::isnan(e.forward()[0])) << name_of(isa);
  }
}

}  // namespace
}  // namespace elbo
