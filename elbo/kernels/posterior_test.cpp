// SPDX-License-Identifier: Apache-2.0
#include "elbo/kernels/posterior.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "elbo/kernels/testing.h"

namespace elbo {
namespace {

using Doubles = std::vector<double>;
constexpr size_t kMostLatent = 40;
const char* const kNames[] = {"diagonal", "full", "point"};

double bounded(double log_var) { return std::clamp(log_var, -20.0, 10.0); }

/// z and kl in double: z = mu + L eps, KL from the standard normal for each group. Returns the
/// entropy.
double draw(std::string_view name, const Doubles& p, std::span<const float> noise, Doubles& z,
            Doubles& kl) {
  size_t n = noise.size();
  z.assign(p.begin(), p.begin() + static_cast<int64_t>(n));
  kl.clear();
  if (name == "point") return 0;
  kl.assign(n, 0);
  double entropy = 0;
  for (size_t i = 0; i < n; ++i) {
    double s = bounded(p[n + i]);
    z[i] += std::exp(s / 2) * noise[i];
    kl[i] = (p[i] * p[i] + std::exp(s) - 1 - s) / 2;
    entropy += (1 + std::log(2 * std::numbers::pi) + s) / 2;
  }
  if (name == "diagonal") return entropy;
  for (size_t i = 1, at = 2 * n; i < n; ++i) {
    kl[0] += kl[i];
    for (size_t j = 0; j < i; ++j, ++at) {
      z[i] += p[at] * noise[j];
      kl[0] += p[at] * p[at] / 2;
    }
  }
  kl.resize(1);
  return entropy;
}

/// One example, and what a kernel makes of it.
struct Example {
  Example(std::string_view name, Isa isa, size_t latent)
      : kernels(*posterior_kernels(name, isa)), latent(static_cast<int64_t>(latent)) {
    auto count = static_cast<size_t>(kernels.parameters(this->latent));
    parameters = uniforms(count, -1.5f, 1.5f, latent);
    groups = static_cast<size_t>(kernels.groups(this->latent));
    noise = uniforms(latent, -2, 2, latent + 1);
    dz = uniforms(latent, -1, 1, latent + 2);
    weight = uniforms(groups, 0.2f, 1, latent + 3);
  }
  void forward() {
    Guarded z_out(noise.size(), kNaN), kl_out(groups, kNaN);
    entropy = kernels.forward(parameters.data(), noise.data(), latent, z_out, kl_out);
    EXPECT_TRUE(z_out.is_intact() && kl_out.is_intact());
    z = z_out.values();
    kl = kl_out.values();
  }
  std::vector<float> backward() const {
    Guarded out(parameters.size(), kNaN);
    kernels.backward(parameters.data(), noise.data(), latent, dz.data(), weight.data(),
                     entropy_weight, out);
    EXPECT_TRUE(out.is_intact());
    return out.values();
  }
  const PosteriorKernels& kernels;
  int64_t latent;
  size_t groups;
  std::vector<float> parameters, noise, dz, weight, z, kl;
  float entropy_weight = 0.7f;
  double entropy = 0;
};

/// The test's body for every instruction set, posterior and size.
template <class Body>
void for_each_example(Body body) {
  for (const char* name : kNames) {
    for (Isa isa : machine_isas()) {
      for (size_t latent = 1; latent <= kMostLatent; ++latent) {
        SCOPED_TRACE(name + (" " + name_of(isa)) + " latent " + std::to_string(latent));
        ASSERT_NO_FATAL_FAILURE(body(name, Example(name, isa, latent)));
      }
    }
  }
}

TEST(Posterior, CountsAreThoseOfItsLayout) {
  for_each_example([](std::string_view name, const Example& e) {
    int64_t n = e.latent, below = n * (n - 1) / 2;
    EXPECT_EQ(e.kernels.parameters(n), name == "point"  ? n
                                       : name == "full" ? 2 * n + below
                                                        : 2 * n);
    EXPECT_EQ(e.kernels.groups(n), name == "point" ? 0 : name == "full" ? 1 : n);
    EXPECT_EQ(e.kernels.has_noise, name != "point");
  });
  EXPECT_EQ(posterior_kernels("flow", Isa::scalar), nullptr);
}

TEST(Posterior, DrawKlAndEntropyEqualTheirFormulas) {
  for_each_example([](std::string_view name, Example e) {
    Doubles z, kl;
    double entropy = draw(name, doubles(e.parameters), e.noise, z, kl);
    e.forward();
    ASSERT_NEAR(e.entropy, entropy, 1e-6 * (5 + std::abs(entropy)));
    ASSERT_EQ(kl.size(), e.kl.size());
    for (size_t i = 0; i < z.size(); ++i) ASSERT_NEAR(e.z[i], z[i], 1e-6 * (5 + e.latent)) << i;
    for (size_t i = 0; i < kl.size(); ++i) {
      EXPECT_GE(e.kl[i], 0);
      ASSERT_NEAR(e.kl[i], kl[i], 1e-6 * (1 + kl[i])) << i;
    }
  });
}

TEST(Posterior, GradientIsTheSlopeOfDrawKlAndEntropy) {
  for_each_example([](std::string_view name, const Example& e) {
    Doubles z, kl;
    auto loss = [&](const Doubles& p) {
      double total = e.entropy_weight * draw(name, p, e.noise, z, kl);
      for (size_t i = 0; i < z.size(); ++i) total += e.dz[i] * z[i];
      for (size_t g = 0; g < kl.size(); ++g) total += e.weight[g] * kl[g];
      return total;
    };
    auto gradient = e.backward();
    auto p = doubles(e.parameters);
    for (size_t i = 0; i < p.size(); ++i) {
      double want = central_difference(loss, p, i, 1e-4);
      ASSERT_NEAR(gradient[i], want, 1e-6 * (4 + std::abs(want))) << "parameter " << i;
    }
  });
}

TEST(Posterior, StandardNormalHasNoKlAndDrawsItsNoise) {
  for_each_example([](std::string_view name, Example e) {
    std::fill(e.parameters.begin(), e.parameters.end(), 0.0f);
    e.forward();
    EXPECT_EQ(e.z, name == "point" ? e.parameters : e.noise);
    EXPECT_EQ(e.kl, std::vector<float>(e.groups, 0.0f));
  });
}

TEST(Posterior, DiagonalIsFullWithZerosBelowTheDiagonal) {
  for (Isa isa : machine_isas()) {
    for (size_t latent = 1; latent <= kMostLatent; ++latent) {
      Example diagonal("diagonal", isa, latent), full("full", isa, latent);
      std::copy(diagonal.parameters.begin(), diagonal.parameters.end(), full.parameters.begin());
      std::fill(full.parameters.begin() + 2 * full.latent, full.parameters.end(), 0.0f);
      std::fill(diagonal.weight.begin(), diagonal.weight.end(), full.weight[0]);
      diagonal.forward();
      full.forward();
      double kl = 0;
      for (float group : diagonal.kl) kl += group;
      EXPECT_NEAR(full.kl[0], kl, 1e-6 * (1 + kl));
      auto d = diagonal.backward(), f = full.backward();
      for (size_t i = 0; i < latent; ++i) EXPECT_NEAR(full.z[i], diagonal.z[i], 1e-6);
      for (size_t i = 0; i < 2 * latent; ++i) EXPECT_NEAR(f[i], d[i], 1e-6);
      for (size_t i = 1, at = 2 * latent; i < latent; ++i) {
        for (size_t j = 0; j < i; ++j) EXPECT_EQ(f[at++], full.dz[i] * full.noise[j]);
      }
    }
  }
}

TEST(Posterior, LogVariancesAreHeldWithinTheirBounds) {
  for_each_example([](std::string_view name, Example e) {
    if (name == "point") return;
    auto n = static_cast<size_t>(e.latent);
    const float raw[] = {-1000, -20.5f, -20, 10, 10.5f, 1000};
    for (size_t i = 0; i < n; ++i) e.parameters[n + i] = raw[i % 6];
    Example held = e;
    for (size_t i = 0; i < n; ++i) {
      held.parameters[n + i] = std::clamp(e.parameters[n + i], -20.0f, 10.0f);
    }
    e.forward();
    held.forward();
    EXPECT_TRUE(same_bits(e.z, held.z) && same_bits(e.kl, held.kl));
    auto gradient = e.backward(), held_gradient = held.backward();
    for (size_t i = 0; i < gradient.size(); ++i) {
      bool beyond = e.parameters[i] != held.parameters[i];
      EXPECT_EQ(gradient[i], beyond ? 0 : held_gradient[i]) << i;
      EXPECT_NE(held_gradient[i], 0);
    }
  });
}

TEST(Posterior, NanInAnyParameterShowsInTheDraw) {
  for_each_example([](std::string_view, Example e) {
    for (size_t i = 0; i < e.parameters.size(); i += 1 + i / 7) {
      Example broken = e;
      broken.parameters[i] = kNaN;
      broken.forward();
      bool shows = false;
      for (float z : broken.z) shows = shows || std::isnan(z);
      EXPECT_TRUE(shows) << "parameter " << i;
      if (!broken.kl.empty()) {
        shows = false;
        for (float kl : broken.kl) shows = shows || std::isnan(kl);
        EXPECT_TRUE(shows) << "parameter " << i;
      }
    }
  });
}

}  // namespace
}  // namespace elbo
