// SPDX-License-Identifier: Apache-2.0
#include "elbo/kernels/norm.h"

#include <gtest/gtest.h>

#include "elbo/kernels/testing.h"

namespace elbo {
namespace {

constexpr double kEpsilon = 1e-5;

/// Expects that `got` is `want` but for `roundings` roundings of terms of that size together.
void expect_near(double got, double want, double roundings, double size) {
  ASSERT_NEAR(got, want, std::ldexp(roundings * size, -24));
}

/// Awkward lengths, and some about the 512 elements whose f32 sums are added up in f64.
template <class Body>
void for_each_row(Body body) {
  std::vector<size_t> lengths(40);
  for (size_t i = 0; i < lengths.size(); ++i) lengths[i] = i + 1;
  for (size_t n : {511, 512, 513, 1100}) lengths.push_back(n);
  for (Isa isa : machine_isas()) {
    for (size_t n : lengths) {
      SCOPED_TRACE(name_of(isa) + " length " + std::to_string(n));
      ASSERT_NO_FATAL_FAILURE(body(norm_kernels(isa), static_cast<int64_t>(n)));
    }
  }
}

/// n floats between guards that are as they were in the end.
struct Floats : Guarded {
  explicit Floats(int64_t n) : Guarded(static_cast<size_t>(n)) {}
  Floats(int64_t n, float lo, float hi, uint64_t seed)
      : Guarded(uniforms(static_cast<size_t>(n), lo, hi, seed)) {}
  ~Floats() { EXPECT_TRUE(is_intact()); }
};

/// What any of the kernels reads of a row, in both kinds of normalisation.
struct Row {
  explicit Row(int64_t n)
      : x(n, -2, 2, 1),
        g(n, -3, 3, 2),
        mean(n, -1, 1, 3),
        inverse(n, 0.5f, 2, 4),
        factor(n, -2, 2, 5),
        shift(n, -2, 2, 6),
        a(n, -1, 1, 7),
        b(n, -1, 1, 8) {}
  double off(int64_t i) { return double{x[i]} - mean[i]; }
  double xh(int64_t i) { return off(i) * inverse[i]; }
  Floats x, g, mean, inverse, factor, shift, a, b;
};

TEST(Norm, ColumnKernelsEqualTheirFormulas) {
  for_each_row([](const NormKernels& kernels, int64_t n) {
    Row r(n);
    Floats sums(n, -4, 4, 10), squares(n, 0, 4, 11), sum(n, -4, 4, 12), product(n, -4, 4, 13),
        y(n, 0, 1, 14), dx(n, 0, 1, 15);
    auto sums0 = sums.values(), squares0 = squares.values(), sum0 = sum.values(),
         product0 = product.values();
    kernels.add(r.x, n, sums);
    kernels.add_squares(r.x, r.mean, n, squares);
    kernels.by_column(r.x, r.mean, r.factor, r.shift, n, y);
    kernels.add_gradients(r.g, r.x, r.mean, r.inverse, n, sum, product);
    kernels.column_gradient(r.g, r.x, r.mean, r.inverse, r.factor, r.a, r.b, n, dx);
    for (int64_t i = 0; i < n; ++i) {
      auto at = static_cast<size_t>(i);
      double off = r.off(i), xh = r.xh(i), g = r.g[i];
      ASSERT_EQ(sums[i], sums0[at] + r.x[i]);
      ASSERT_EQ(sum[i], sum0[at] + r.g[i]);
      expect_near(squares[i], squares0[at] + off * off, 4, squares0[at] + off * off);
      expect_near(y[i], off * r.factor[i] + r.shift[i], 3,
                  std::abs(off * r.factor[i]) + std::abs(r.shift[i]));
      expect_near(product[i], product0[at] + g * xh, 4, std::abs(product0[at]) + std::abs(g * xh));
      expect_near(dx[i], r.factor[i] * (g - r.a[i] - xh * r.b[i]), 6,
                  std::abs(r.factor[i]) * (std::abs(g) + std::abs(r.a[i]) + std::abs(xh * r.b[i])));
    }
  });
}

// A sum's longest chain in f32 is that of 512 elements by vectors of four, and the vector's own.
TEST(Norm, RowKernelsEqualTheirFormulas) {
  for_each_row([](const NormKernels& kernels, int64_t n) {
    Row r(n);
    const float mean = 0.3f, inverse = 1.7f, a = -0.4f, b = 0.6f;
    Floats d_weight(n, -4, 4, 10), d_bias(n, -4, 4, 11), y(n, 0, 1, 12), dx(n, 0, 1, 13);
    auto d_weight0 = d_weight.values(), d_bias0 = d_bias.values();
    double sum = kNaN, squares = kNaN, g_sum = kNaN, g_product = kNaN;
    kernels.row_sums(r.x, mean, n, &sum, &squares);
    kernels.by_row(r.x, mean, inverse, r.factor, r.shift, n, y);
    kernels.row_gradients(r.g, r.x, mean, inverse, r.factor, n, &g_sum, &g_product, d_weight,
                          d_bias);
    kernels.row_gradient(r.g, r.x, mean, inverse, r.factor, a, b, n, dx);

    double want[4] = {}, size[4] = {};
    for (int64_t i = 0; i < n; ++i) {
      auto at = static_cast<size_t>(i);
      double off = double{r.x[i]} - mean, xh = off * inverse, g = r.g[i], h = g * r.factor[i];
      const double terms[] = {off, off * off, h, h * xh};
      for (int k = 0; k < 4; ++k) want[k] += terms[k], size[k] += std::abs(terms[k]);
      ASSERT_EQ(d_bias[i], d_bias0[at] + r.g[i]);
      expect_near(d_weight[i], d_weight0[at] + g * xh, 4,
                  std::abs(d_weight0[at]) + std::abs(g * xh));
      expect_near(y[i], xh * r.factor[i] + r.shift[i], 4,
                  std::abs(xh * r.factor[i]) + std::abs(r.shift[i]));
      expect_near(dx[i], inverse * (h - a - xh * b), 6,
                  inverse * (std::abs(h) + std::abs(a) + std::abs(xh * b)));
    }
    double roundings = static_cast<double>(std::min<int64_t>(n, 512)) / 4 + 8;
    const double got[] = {sum, squares, g_sum, g_product};
    for (int k = 0; k < 4; ++k) expect_near(got[k], want[k], roundings, size[k]);
  });
}

float inverse_of(double squares, double count) {
  return static_cast<float>(1 / std::sqrt(squares / count + kEpsilon));
}

/// Normalisation of all that lies together, in double: a row, or a column.
std::vector<double> normalised(const std::vector<double>& x) {
  double mean = 0, squares = 0;
  auto n = static_cast<double>(x.size());
  for (double v : x) mean += v / n;
  for (double v : x) squares += (v - mean) * (v - mean);
  std::vector<double> out;
  for (double v : x) out.push_back((v - mean) / std::sqrt(squares / n + kEpsilon));
  return out;
}

/// sum g normalised(x) weight, by whose slopes gradients are judged.
double loss(const std::vector<double>& x, const std::vector<double>& g,
            const std::vector<double>& weight) {
  auto y = normalised(x);
  double out = 0;
  for (size_t i = 0; i < x.size(); ++i) out += g[i] * y[i] * weight[i];
  return out;
}

/// Expects mean 0 and the variance that epsilon leaves of 1.
void expect_normal(const std::vector<double>& y, double inverse) {
  double sum = 0, squares = 0;
  auto n = static_cast<double>(y.size());
  for (double v : y) sum += v, squares += v * v;
  EXPECT_NEAR(sum / n, 0, 1e-5);
  EXPECT_NEAR(squares / n, 1 - kEpsilon * inverse * inverse, 1e-5);
}

/// A batch that goes through batch normalisation as a network's stage does it; x is far from 0, so
/// that squares about 0 would not do.
struct Batch {
  static constexpr int64_t kRows = 9;
  Batch(const NormKernels& kernels, int64_t n)
      : n(n),
        x(kRows * n, 18, 22, 1),
        g(kRows * n, -3, 3, 2),
        weight(n, 0.5f, 2, 3),
        y(kRows * n),
        dx(kRows * n),
        mean(n),
        inverse(n),
        sum(n),
        product(n) {
    Floats zeros(n), squares(n), factor(n);
    for (int64_t r = 0; r < kRows; ++r) kernels.add(x + r * n, n, mean);
    for (int64_t i = 0; i < n; ++i) mean[i] /= kRows;
    for (int64_t r = 0; r < kRows; ++r) kernels.add_squares(x + r * n, mean, n, squares);
    for (int64_t i = 0; i < n; ++i) {
      inverse[i] = inverse_of(squares[i], kRows);
      factor[i] = inverse[i] * weight[i];
    }
    for (int64_t r = 0; r < kRows; ++r) {
      kernels.by_column(x + r * n, mean, inverse, zeros, n, y + r * n);
      kernels.add_gradients(g + r * n, x + r * n, mean, inverse, n, sum, product);
    }
    Floats a(n), b(n);
    for (int64_t i = 0; i < n; ++i) a[i] = sum[i] / kRows, b[i] = product[i] / kRows;
    for (int64_t r = 0; r < kRows; ++r) {
      kernels.column_gradient(g + r * n, x + r * n, mean, inverse, factor, a, b, n, dx + r * n);
    }
  }
  std::vector<double> column(Floats& of, int64_t i) const {
    std::vector<double> out;
    for (int64_t r = 0; r < kRows; ++r) out.push_back(of[r * n + i]);
    return out;
  }
  int64_t n;
  Floats x, g, weight, y, dx, mean, inverse, sum, product;
};

TEST(Norm, ColumnsBecomeNormal) {
  for_each_row([](const NormKernels& kernels, int64_t n) {
    Batch batch(kernels, n);
    for (int64_t i = 0; i < n; ++i) expect_normal(batch.column(batch.y, i), batch.inverse[i]);
  });
}

TEST(Norm, ColumnGradientsAreSlopes) {
  for_each_row([](const NormKernels& kernels, int64_t n) {
    if (n > 40) return;
    Batch batch(kernels, n);
    for (int64_t i = 0; i < n; ++i) {
      auto x = batch.column(batch.x, i), g = batch.column(batch.g, i), y = normalised(x);
      double weight = batch.weight[i], sum = 0, product = 0;
      for (size_t r = 0; r < x.size(); ++r) sum += g[r], product += g[r] * y[r];
      EXPECT_NEAR(batch.sum[i], sum, 1e-5);          // d loss / d shift
      EXPECT_NEAR(batch.product[i], product, 1e-4);  // d loss / d weight
      auto of_x = [&](const std::vector<double>& at) {
        return loss(at, g, std::vector<double>(x.size(), weight));
      };
      for (size_t r = 0; r < x.size(); ++r) {
        ASSERT_NEAR(batch.dx[static_cast<int64_t>(r) * n + i], central_difference(of_x, x, r),
                    1e-5 * weight * batch.inverse[i] * 3);
      }
    }
  });
}

/// A row that goes through layer normalisation, likewise.
struct Layer {
  Layer(const NormKernels& kernels, int64_t n)
      : x(n, 18, 22, 1),
        g(n, -3, 3, 2),
        weight(n, 0.5f, 2, 3),
        y(n),
        dx(n),
        d_weight(n),
        d_bias(n) {
    Floats ones(n, 1, 1, 1), zeros(n);
    double sum, squares, product;
    x[0] = 18, x[n - 1] = 22;
    auto count = static_cast<double>(n);
    kernels.row_sums(x, 0, n, &sum, &squares);
    auto mean = static_cast<float>(sum / count);
    kernels.row_sums(x, mean, n, &sum, &squares);
    inverse = inverse_of(squares, count);
    kernels.by_row(x, mean, inverse, ones, zeros, n, y);
    kernels.row_gradients(g, x, mean, inverse, weight, n, &sum, &product, d_weight, d_bias);
    kernels.row_gradient(g, x, mean, inverse, weight, static_cast<float>(sum / count),
                         static_cast<float>(product / count), n, dx);
  }
  Floats x, g, weight, y, dx, d_weight, d_bias;
  float inverse;
};

TEST(Norm, RowsBecomeNormal) {
  for_each_row([](const NormKernels& kernels, int64_t n) {
    Layer layer(kernels, n);
    expect_normal(doubles(layer.y.values()), layer.inverse);
  });
}

TEST(Norm, RowGradientsAreSlopes) {
  for_each_row([](const NormKernels& kernels, int64_t n) {
    Layer layer(kernels, n);
    auto x = doubles(layer.x.values()), g = doubles(layer.g.values()),
         weight = doubles(layer.weight.values()), y = normalised(x);
    auto of_x = [&](const std::vector<double>& at) { return loss(at, g, weight); };
    for (size_t i = 0; i < x.size(); ++i) {
      auto at = static_cast<int64_t>(i);
      EXPECT_EQ(layer.d_bias[at], layer.g[at]);
      EXPECT_NEAR(layer.d_weight[at], g[i] * y[i], 2e-5);
      ASSERT_NEAR(layer.dx[at], central_difference(of_x, x, i), 5e-5 * layer.inverse);
    }
  });
}

}  // namespace
}  // namespace elbo
