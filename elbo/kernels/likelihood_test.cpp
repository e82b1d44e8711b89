// SPDX-License-Identifier: Apache-2.0
#include "elbo/kernels/likelihood.h"

#include <gtest/gtest.h>

#include "elbo/kernels/testing.h"

namespace elbo {
namespace {

double gaussian(double x, double mu, double raw) {
  double s = std::clamp(raw, 2 * std::log(1e-3), 20.0);
  return -(std::log(2 * M_PI) + s + (x - mu) * (x - mu) * std::exp(-s)) / 2;
}

/// log p of one element with its parameters p[0], p[stride], .. and the likelihood's own.
struct Reference {
  const char* name;
  int64_t parameters;
  bool has_own;
  float lowest, highest;  // x
  double (*log_p)(double x, const double* p, size_t stride, double own);
};

const Reference kReferences[] = {
    {"bernoulli", 1, false, 0, 1,
     [](double x, const double* p, size_t, double) {
       return x * *p - std::max(*p, 0.0) - std::log1p(std::exp(-std::abs(*p)));
     }},
    {"continuous-bernoulli", 1, false, 0, 1,
     [](double x, const double* p, size_t, double) {
       return x * *p - std::log(std::expm1(*p) / *p);
     }},
    {"gaussian", 1, true, -2, 2,
     [](double x, const double* p, size_t, double own) { return gaussian(x, *p, own); }},
    {"gaussian-element", 2, false, -2, 2,
     [](double x, const double* p, size_t stride, double) { return gaussian(x, *p, p[stride]); }},
};

/// One example, and what a kernel makes of it.
struct Example {
  Example(const Reference& r, size_t n, bool masked)
      : reference(r),
        parameters(uniforms(n * static_cast<size_t>(r.parameters), -2.5f, 2.5f, n)),
        x(uniforms(n, r.lowest, r.highest, n + 1)),
        mask(uniforms(masked ? n : 0, 0, 1, n + 2)) {
    for (float& m : mask) m = m < 0.6f;
    if (r.highest == 1) x[0] = 1;
  }
  /// log p in double, all else equal.
  double value(const std::vector<double>& p, double own_at) const {
    double total = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      if (seen(i)) total += reference.log_p(x[i], &p[i], x.size(), own_at);
    }
    return total;
  }
  double term(size_t i) const {
    auto p = doubles(parameters);
    return reference.log_p(x[i], &p[i], x.size(), own);
  }
  bool seen(size_t i) const { return mask.empty() || mask[i] > 0; }
  double run(Isa isa, float* gradient, double* own_gradient) const {
    return run_on(isa, parameters.data(), gradient, own_gradient);
  }
  double run_on(Isa isa, const float* at, float* gradient, double* own_gradient) const {
    const auto* kernels = likelihood_kernels(reference.name, isa);
    return kernels->row({at, x.data(), mask.empty() ? nullptr : mask.data(),
                         static_cast<int64_t>(x.size()), own, scale},
                        gradient, own_gradient);
  }

  const Reference& reference;
  std::vector<float> parameters, x, mask;
  float own = -0.7f, scale = 1;
};

/// The test's body for every instruction set and likelihood, at all lengths, with a mask and
/// without.
template <class Body>
void for_each_example(Body body) {
  std::vector<size_t> lengths(40);
  for (size_t i = 0; i < lengths.size(); ++i) lengths[i] = i + 1;
  lengths.push_back(784);
  for (const Reference& r : kReferences) {
    for (size_t n : lengths) {
      for (bool masked : {false, true}) {
        for (Isa isa : machine_isas()) {
          SCOPED_TRACE(std::string(r.name) + " " + name_of(isa) + " length " + std::to_string(n) +
                       (masked ? " masked" : ""));
          ASSERT_NO_FATAL_FAILURE(body(Example(r, n, masked), isa));
        }
      }
    }
  }
}

// A chain of additions in f32 is at most 512 / 4 + 2 long, and its roundings mostly cancel.
TEST(Likelihood, ValueEqualsItsFormula) {
  for_each_example([](const Example& e, Isa isa) {
    Guarded gradient(e.parameters.size());
    double want = e.value(doubles(e.parameters), e.own), size = 0;
    for (size_t i = 0; i < e.x.size(); ++i) size += e.seen(i) ? 1 + std::abs(e.term(i)) : 0;
    double got = e.run(isa, gradient, nullptr);
    EXPECT_NEAR(got, want, 1e-6 * size);
    EXPECT_NEAR(e.run(isa, nullptr, nullptr), want, 1e-6 * size);
    EXPECT_TRUE(gradient.is_intact());
  });
}

TEST(Likelihood, GradientIsTheSlopeOfItsFormula) {
  for_each_example([](Example e, Isa isa) {
    e.scale = 0.3f;
    Guarded gradient(e.parameters.size(), kNaN);
    double own = 5;
    e.run(isa, gradient, &own);
    EXPECT_TRUE(gradient.is_intact());
    auto p = doubles(e.parameters);
    for (size_t i = 0; i < p.size(); ++i) {
      size_t element = i % e.x.size();
      auto alone = [&](const std::vector<double>& at) {  // the only term that depends on it
        return e.seen(element) ? -e.reference.log_p(e.x[element], &at[element], e.x.size(), e.own)
                               : 0.0;
      };
      double want = e.scale * central_difference(alone, p, i);
      ASSERT_NEAR(gradient[i], want, 1e-6 * (1 + std::abs(want))) << "parameter " << i;
    }
    auto of_own = [&](const std::vector<double>& at) { return -e.value(p, at[0]); };
    double want = e.scale * central_difference(of_own, {e.own}, 0);
    EXPECT_NEAR(own, 5 + (e.reference.has_own ? want : 0), 1e-6 * e.x.size() * 5);
  });
}

TEST(Likelihood, GradientMayTakeTheParametersPlace) {
  for_each_example([](const Example& e, Isa isa) {
    Guarded gradient(e.parameters.size()), in_place(e.parameters);
    double own = 0, own_in_place = 0, value = e.run(isa, gradient, &own);
    EXPECT_EQ(e.run_on(isa, in_place, in_place, &own_in_place), value);
    EXPECT_EQ(own, own_in_place);
    EXPECT_TRUE(same_bits(gradient.values(), in_place.values()) && in_place.is_intact());
  });
}

TEST(Likelihood, MaskedElementsCountAsAbsent) {
  for_each_example([](const Example& e, Isa isa) {
    Guarded gradient(e.parameters.size());
    Example rest(e.reference, e.x.size(), false);
    rest.x.clear();
    rest.parameters.clear();
    double own = 0, rest_own = 0, value = e.run(isa, gradient, &own);
    for (size_t i = 0; i < e.x.size(); ++i) {
      if (e.seen(i)) rest.x.push_back(e.x[i]);
    }
    for (size_t i = 0; i < e.parameters.size(); ++i) {
      if (e.seen(i % e.x.size())) {
        rest.parameters.push_back(e.parameters[i]);
      } else {
        EXPECT_EQ(gradient[i], 0);
      }
    }
    double tolerance = 1e-5 * static_cast<double>(e.x.size());
    EXPECT_NEAR(rest.run(isa, nullptr, &rest_own), value, tolerance);
    EXPECT_NEAR(rest_own, own, tolerance);
  });
}

/// A row of one element.
double log_p(const char* name, Isa isa, float x, std::vector<float> p, float own,
             float* gradient = nullptr, double* own_gradient = nullptr) {
  return likelihood_kernels(name, isa)->row({p.data(), &x, nullptr, 1, own, 1}, gradient,
                                            own_gradient);
}

TEST(Likelihood, DensitiesSumOrIntegrateToOne) {
  for (Isa isa : machine_isas()) {
    for (float l : {-100.0f, -9.0f, -1.0f, 0.0f, 0.1f, 3.0f, 30.0f}) {
      double total = std::exp(log_p("bernoulli", isa, 0, {l}, 0)) +
                     std::exp(log_p("bernoulli", isa, 1, {l}, 0));
      EXPECT_NEAR(total, 1, 1e-6) << l;
    }
    for (float l :
         {-200.0f, -30.0f, -1.001f, -0.999f, -1e-3f, 0.0f, 0.05f, 0.999f, 1.001f, 90.0f}) {
      double total = 0;  // by Simpson's rule
      const int steps = 4000;
      for (int i = 0; i <= steps; ++i) {
        double weight = i == 0 || i == steps ? 1 : i % 2 ? 4 : 2;
        auto x = static_cast<float>(i) / steps;
        total += weight / (3 * steps) * std::exp(log_p("continuous-bernoulli", isa, x, {l}, 0));
      }
      EXPECT_NEAR(total, 1, 2e-5) << l;
    }
    for (float s : {-40.0f, -13.0f, -2.0f, 0.0f, 5.0f, 19.0f, 40.0f}) {
      double sigma = std::exp(std::clamp<double>(s, 2 * std::log(1e-3), 20.0) / 2), shared = 0,
             element = 0;
      const int steps = 200;  // the trapezoid rule is exact to far beyond f32 here
      for (int i = -steps; i <= steps; ++i) {
        auto x = static_cast<float>(10 * sigma * i / steps);
        shared += std::exp(log_p("gaussian", isa, x, {0}, s)) * 10 * sigma / steps;
        element += std::exp(log_p("gaussian-element", isa, x, {0, s}, 0)) * 10 * sigma / steps;
      }
      EXPECT_NEAR(shared, 1, 1e-5) << s;
      EXPECT_NEAR(element, 1, 1e-5) << s;
    }
  }
}

// Where every term of the sum is as large as it can be, beside its gradient and alone.
TEST(Likelihood, LongRowsOfEvenChancesAreExact) {
  for (Isa isa : machine_isas()) {
    for (int64_t n : {127, 128, 129, 511, 1024, 5000}) {
      std::vector<float> zeros(static_cast<size_t>(n)), gradient(zeros);
      LikelihoodRow row{zeros.data(), zeros.data(), nullptr, n};
      const LikelihoodKernels& kernels = *likelihood_kernels("bernoulli", isa);
      double want = -static_cast<double>(n) * std::log(2.0);
      EXPECT_NEAR(kernels.row(row, gradient.data(), nullptr) / want, 1, 2e-6) << n;
      EXPECT_NEAR(kernels.row(row, nullptr, nullptr) / want, 1, 2e-6) << n;
    }
  }
}

TEST(Likelihood, ExtremesStayFinite) {
  for (Isa isa : machine_isas()) {
    for (float l : {-100.0f, 100.0f}) {
      for (float x : {0.0f, 1.0f}) {
        float gradient = kNaN;
        bool agrees = (l > 0) == (x == 1);
        EXPECT_NEAR(log_p("bernoulli", isa, x, {l}, 0, &gradient), agrees ? 0 : -100, 1e-5);
        EXPECT_NEAR(gradient, agrees ? 0 : l / 100, 1e-6);
        EXPECT_NEAR(log_p("bernoulli", isa, x, {l}, 0), agrees ? 0 : -100, 1e-5);
      }
    }
    for (float s : {-1000.0f, -14.0f, 20.5f, 1000.0f}) {
      float gradient[] = {kNaN, kNaN};
      double own = 0, want = gaussian(1, 3, s),
             slope = 2 * std::exp(-std::clamp<double>(s, 2 * std::log(1e-3), 20.0));
      EXPECT_NEAR(log_p("gaussian-element", isa, 1, {3, s}, 0, gradient), want,
                  1e-6 * std::abs(want));
      EXPECT_NEAR(gradient[0], slope, 1e-6 * slope);
      EXPECT_EQ(gradient[1], 0) << s;
      EXPECT_NEAR(log_p("gaussian", isa, 1, {3}, s, gradient, &own), want, 1e-6 * std::abs(want));
      EXPECT_EQ(own, 0) << s;
    }
  }
}

TEST(Likelihood, NanInAnyParameterShowsInTheValue) {
  for (Isa isa : machine_isas()) {
    for (const Reference& r : kReferences) {
      for (int64_t i = 0; i < r.parameters + r.has_own; ++i) {
        std::vector<float> numbers(static_cast<size_t>(r.parameters) + 1, 0.0f);
        numbers[static_cast<size_t>(i)] = kNaN;
        EXPECT_TRUE(std::isnan(log_p(r.name, isa, 1, numbers, numbers.back()))) << r.name << i;
      }
    }
  }
}

TEST(Likelihood, KeepsWithinItsRow) {
  for_each_length([](Isa isa, size_t size, int64_t n) {
    for (const Reference& r : kReferences) {
      size_t count = size * static_cast<size_t>(r.parameters);
      Edge parameters(count, 1), x(size, 0.3f), mask(size, 1);
      const LikelihoodKernels& kernels = *likelihood_kernels(r.name, isa);
      double want = static_cast<double>(n) * log_p(r.name, isa, 0.3f, {1, 1}, 1);
      for (const float* m : {mask.data(), static_cast<float*>(nullptr)}) {
        Edge gradient(count);
        double own = 0;
        EXPECT_NEAR(kernels.row({parameters, x, m, n, 1, 1}, gradient, &own), want, 1e-4);
        EXPECT_NEAR(kernels.row({parameters, x, m, n, 1, 1}, nullptr, nullptr), want, 1e-4);
        for (size_t i = 0; i < count; ++i) EXPECT_NE(gradient[i], 0) << r.name;
      }
    }
  });
}

TEST(Likelihood, EveryKernelHasItsReferenceHere) {
  std::vector<std::string_view> here;
  for (const Reference& r : kReferences) here.push_back(r.name);
  EXPECT_EQ(here, likelihood_kernel_names());
}

TEST(Likelihood, UnknownNamesHaveNoKernels) {
  EXPECT_EQ(likelihood_kernels("poisson", Isa::scalar), nullptr);
  EXPECT_EQ(likelihood_kernels("", Isa::scalar), nullptr);
}

}  // namespace
}  // namespace elbo
