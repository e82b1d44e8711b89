// SPDX-License-Identifier: Apache-2.0
#include "elbo/kernels/update.h"

#include <gtest/gtest.h>

#include "elbo/kernels/testing.h"

namespace elbo {
namespace {

using Doubles = std::vector<double>;

/// Weights with their two slots of state, in float under guards and in double.
struct Weights {
  explicit Weights(size_t n, uint64_t seed = 1)
      : w(uniforms(n, -1, 1, seed)), first(n), second(n), exact(doubles(w.values())) {}
  void expect_near(const std::string& what) {
    ASSERT_TRUE(w.is_intact() && first.is_intact() && second.is_intact()) << what;
    for (size_t i = 0; i < exact.size(); ++i) {
      ASSERT_NEAR(w[i], exact[i], 2e-6) << what << " n " << exact.size();
      ASSERT_NEAR(first[i], exact_first[i], 2e-6 * (1 + std::abs(exact_first[i]))) << what;
      ASSERT_NEAR(second[i], exact_second[i], 2e-6 * (1 + std::abs(exact_second[i]))) << what;
    }
  }
  Guarded w, first, second;
  Doubles exact, exact_first = Doubles(exact.size()), exact_second = exact_first;
};

constexpr double kBeta1 = 0.9, kBeta2 = 0.999;

/// As an optimizer fills it, from exact betas.
void fill_betas(UpdateStep& s, int step) {
  s.beta1 = static_cast<float>(kBeta1), s.beta2 = static_cast<float>(kBeta2);
  s.rest1 = static_cast<float>(1 - kBeta1), s.rest2 = static_cast<float>(1 - kBeta2);
  s.correction1 = static_cast<float>(1 - std::pow(kBeta1, step));
  s.correction2 = static_cast<float>(1 - std::pow(kBeta2, step));
}

/// Takes five steps: kernel(step, weights, gradient) beside exact(step, gradient, w, first,
/// second) for each element, with the betas above.
template <class Kernel, class Exact>
void compare(const std::string& what, UpdateStep s, Kernel kernel, Exact exact) {
  for (size_t n = 1; n <= 40; ++n) {
    Weights weights(n);
    for (int step = 1; step <= 5; ++step) {
      auto g = uniforms(n, -1, 1, static_cast<uint64_t>(100 + step));
      for (float& x : g) x += x > 0 ? 0.1f : -0.1f;  // for 1 / sqrt(v) is steep at 0
      Guarded gradient(g);
      fill_betas(s, step);
      kernel(s, weights, gradient, static_cast<int64_t>(n));
      EXPECT_TRUE(same_bits(gradient.values(), g));
      for (size_t i = 0; i < n; ++i) {
        exact(s, static_cast<double>(g[i]), weights.exact[i], weights.exact_first[i],
              weights.exact_second[i]);
      }
    }
    ASSERT_NO_FATAL_FAILURE(weights.expect_near(what));
  }
}

TEST(Update, SgdFollowsItsFormula) {
  for (Isa isa : machine_isas()) {
    const UpdateKernels& kernels = update_kernels(isa);
    for (int variant = 0; variant < 16; ++variant) {
      bool has_momentum = variant & 1, nesterov = has_momentum && (variant & 2);
      UpdateStep s{.lr = 0.1f,
                   .scale = variant & 4 ? 0.3f : 1.0f,
                   .momentum = has_momentum ? 0.9f : 0.0f,
                   .weight_decay = variant & 8 ? 0.2f : 0.0f,
                   .nesterov = nesterov};
      compare(
          "sgd " + name_of(isa) + " variant " + std::to_string(variant), s,
          [&](const UpdateStep& o, Weights& w, float* g, int64_t n) {
            kernels.sgd(o, w.w, g, has_momentum ? w.first.data() : nullptr, n);
          },
          [&](const UpdateStep& o, double g, double& w, double& m, double&) {
            g = o.scale * g + o.weight_decay * w;
            double moved = o.momentum * m + g;
            if (has_momentum) m = moved;
            w -= o.lr * (nesterov ? g + o.momentum * moved : moved);
          });
    }
  }
}

TEST(Update, MomentumOfZeroIsNone) {
  UpdateStep s{.lr = 0.1f, .eps = 1e-8f};
  fill_betas(s, 1);
  for (Isa isa : machine_isas()) {
    const UpdateKernels& kernels = update_kernels(isa);
    auto g = uniforms(21, -1, 1, 5);
    Weights with(21), without(21);
    kernels.sgd(s, with.w, g.data(), with.first, 21);
    kernels.sgd(s, without.w, g.data(), nullptr, 21);
    kernels.rmsprop(s, with.w, g.data(), with.second, with.first, 21);
    kernels.rmsprop(s, without.w, g.data(), without.second, nullptr, 21);
    EXPECT_EQ(with.w.values(), without.w.values());
  }
}

TEST(Update, RmspropFollowsItsFormula) {
  for (Isa isa : machine_isas()) {
    const UpdateKernels& kernels = update_kernels(isa);
    for (int variant = 0; variant < 4; ++variant) {
      bool has_momentum = variant & 1;
      UpdateStep s{.lr = 0.01f,
                   .scale = variant & 2 ? 0.3f : 1.0f,
                   .momentum = has_momentum ? 0.9f : 0.0f,
                   .eps = 1e-3f};
      compare(
          "rmsprop " + name_of(isa) + " variant " + std::to_string(variant), s,
          [&](const UpdateStep& o, Weights& w, float* g, int64_t n) {
            kernels.rmsprop(o, w.w, g, w.second, has_momentum ? w.first.data() : nullptr, n);
          },
          [&](const UpdateStep& o, double g, double& w, double& m, double& v) {
            g *= o.scale;
            v = kBeta2 * v + (1 - kBeta2) * g * g;
            double step = g / (std::sqrt(v) + o.eps) + o.momentum * m;
            if (has_momentum) m = step;
            w -= o.lr * step;
          });
    }
  }
}

TEST(Update, AdamFollowsItsFormula) {
  for (Isa isa : machine_isas()) {
    const UpdateKernels& kernels = update_kernels(isa);
    for (int variant = 0; variant < 8; ++variant) {
      UpdateStep s{.lr = 0.01f,
                   .scale = variant & 1 ? 0.3f : 1.0f,
                   .weight_decay = variant & 2 ? 0.2f : 0.0f,
                   .eps = 1e-3f,
                   .decoupled = (variant & 4) != 0};
      compare(
          "adam " + name_of(isa) + " variant " + std::to_string(variant), s,
          [&](const UpdateStep& o, Weights& w, float* g, int64_t n) {
            kernels.adam(o, w.w, g, w.first, w.second, n);
          },
          [&](const UpdateStep& o, double g, double& w, double& m, double& v) {
            g *= o.scale;
            if (o.decoupled) {
              w *= 1 - o.lr * static_cast<double>(o.weight_decay);
            } else {
              g += o.weight_decay * w;
            }
            m = kBeta1 * m + (1 - kBeta1) * g;
            v = kBeta2 * v + (1 - kBeta2) * g * g;
            w -= o.lr * m / o.correction1 / (std::sqrt(v / o.correction2) + o.eps);
          });
    }
  }
}

// The first step is lr long in every direction, whatever the gradient's size.
TEST(Update, AdamsFirstStepHasTheLengthOfTheRate) {
  for (Isa isa : machine_isas()) {
    UpdateStep s{.lr = 0.01f, .eps = 1e-16f};
    fill_betas(s, 1);
    for (float g : {-1e10f, -1.0f, -1e-8f, 1e-8f, 3.0f, 1e10f}) {
      Guarded w(5), m(5), v(5);
      std::vector<float> gradient(5, g);
      update_kernels(isa).adam(s, w, gradient.data(), m, v, 5);
      for (float x : w.values()) EXPECT_NEAR(x, g > 0 ? -0.01f : 0.01f, 1e-6) << g;
    }
  }
}

TEST(Update, AverageMovesByItsShare) {
  for (Isa isa : machine_isas()) {
    for (float share : {0.0f, 0.5f, 0.999f, 1.0f}) {
      for (size_t n = 1; n <= 40; ++n) {
        auto start = uniforms(n, -1, 1, 2), w = uniforms(n, -1, 1, 3);
        Guarded mean(start);
        update_kernels(isa).average(share, mean, w.data(), static_cast<int64_t>(n));
        for (size_t i = 0; i < n; ++i) {
          double want = start[i] + static_cast<double>(share) * (w[i] - start[i]);
          EXPECT_NEAR(mean[i], want, 2e-7);
        }
        EXPECT_TRUE(mean.is_intact());
      }
    }
  }
}

}  // namespace
}  // namespace elbo
