// SPDX-License-Identifier: Apache-2.0
#include "elbo/sequential/conv_products.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "elbo/core/rng.h"

namespace elbo::sequential {
namespace {

std::vector<float> draws(int64_t n, uint64_t seed) {
  std::vector<float> out(static_cast<size_t>(n));
  Rng(seed, "conv").normal(out);
  return out;
}

/// A convolution with images and weights, and how images lie with their borders.
struct Problem {
  Problem(int64_t kernel, int64_t stride, int64_t height, int64_t width, int64_t fine,
          int64_t coarse, Precision precision) {
    int64_t padding = (kernel - 1) / 2;
    auto out = [&](int64_t n) { return (n + 2 * padding - kernel) / stride + 1; };
    conv = {fine, height, width, coarse, out(height), out(width), kernel, stride, padding, false};
    sides = sides_of(conv);
    sides.coarse.after += 1;  // a neighbour may need more
    products = std::make_unique<ConvProducts>(conv, sides, precision);
    images = products->most_images() > 1 ? 2 : 1;
    scratch = Buffer(products->scratch());
    weights = coarse * products->patch();
    weight = draws(weights, 1);
    for_coarse = for_fine = std::vector<float>(weight.size());
    for (int64_t f = 0; f < fine; ++f) {
      products->arrange_for_coarse(weight.data(), f, for_coarse.data());
    }
    for (int64_t c = 0; c < coarse; ++c) {
      products->arrange_for_fine(weight.data(), c, for_fine.data());
    }
  }
  /// Images {C, H, W} of draws, in their layout.
  std::vector<float> laid_out(const ImageLayout& l, uint64_t seed) const {
    std::vector<float> out(static_cast<size_t>(images * l.size())),
        values = draws(images * l.size(), seed);
    for (int64_t i = 0; i < images; ++i) {
      for (int64_t y = 0; y < l.height; ++y) {
        for (int64_t x = 0; x < l.width * l.channels; ++x) {
          auto at = static_cast<size_t>(i * l.size() + l.at(y, 0) + x);
          out[at] = values[at];
        }
      }
    }
    return out;
  }
  std::vector<float> to_coarse(const std::vector<float>& fine,
                               const uint32_t* packed = nullptr) const {
    std::vector<float> out(static_cast<size_t>(images * sides.coarse.size()));
    products->to_coarse(fine.data(), {for_coarse.data(), packed}, images, out.data(),
                        scratch.data());
    return out;
  }
  std::vector<float> to_fine(const std::vector<float>& coarse,
                             const uint32_t* packed = nullptr) const {
    std::vector<float> out(static_cast<size_t>(images * sides.fine.size()));
    products->to_fine(coarse.data(), {for_fine.data(), packed}, images, out.data(), scratch.data());
    return out;
  }
  /// In the order of the weights.
  std::vector<float> to_weights(const std::vector<float>& coarse,
                                const std::vector<float>& fine) const {
    std::vector<float> rows(weight.size()), out(weight.size());
    constexpr int64_t kShare = 7;
    for (int64_t first = 0; first < products->patch(); first += kShare) {
      int64_t end = std::min(products->patch(), first + kShare);
      products->to_weights(coarse.data(), fine.data(), images, first, end, false, rows.data(),
                           scratch.data());
    }
    int64_t area = conv.kernel * conv.kernel, channels = sides.coarse.channels;
    for (int64_t f = 0; f < sides.fine.channels; ++f) {
      std::vector<float> sums;
      for (int64_t e = 0; e < area; ++e) {
        auto row = rows.begin() + (e * sides.fine.channels + f) * channels;
        sums.insert(sums.end(), row, row + channels);
      }
      products->place(sums.data(), f, out.data());
    }
    return out;
  }

  ConvSpec conv;
  ConvSides sides;
  std::unique_ptr<ConvProducts> products;
  int64_t images, weights;
  std::vector<float> weight, for_coarse, for_fine;
  Buffer scratch;
};

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * double{b[i]};
  return sum;
}

double length(const std::vector<float>& a) { return std::sqrt(dot(a, a)); }

template <class Body>
void for_each_problem(Body body, Precision precision = Precision::f32) {
  for (int64_t kernel : {1, 2, 3, 4, 5}) {
    for (int64_t stride : {1, 2, 3, 4}) {
      for (auto [height, width] : {std::pair{5, 5}, {8, 7}, {6, 25}}) {
        for (auto [fine, coarse] : {std::pair{1, 1}, {3, 2}, {2, 17}, {20, 5}}) {
          SCOPED_TRACE(fmt::format("kernel {} stride {} {}x{} channels {} to {}", kernel, stride,
                                   height, width, fine, coarse));
          ASSERT_NO_FATAL_FAILURE(
              body(Problem(kernel, stride, height, width, fine, coarse, precision)));
        }
      }
    }
  }
}

TEST(ConvProducts, ToCoarseIsTheConvolution) {
  for_each_problem([](const Problem& p) {
    const ImageLayout &f = p.sides.fine, &c = p.sides.coarse;
    auto fine = p.laid_out(f, 2), coarse = p.to_coarse(fine);
    for (int64_t y = 0; y < c.height; ++y) {
      for (int64_t x = 0; x < c.width; ++x) {
        for (int64_t channel = 0; channel < c.channels; ++channel) {
          double sum = 0;
          for (int64_t i = 0; i < f.channels; ++i) {
            for (int64_t ky = 0; ky < p.conv.kernel; ++ky) {
              for (int64_t kx = 0; kx < p.conv.kernel; ++kx) {
                int64_t fy = y * p.conv.stride - p.conv.padding + ky;
                int64_t fx = x * p.conv.stride - p.conv.padding + kx;
                if (fy < 0 || fx < 0 || fy >= f.height || fx >= f.width) continue;
                int64_t at = ((channel * f.channels + i) * p.conv.kernel + ky) * p.conv.kernel + kx;
                sum += double{p.weight[size_t(at)]} * fine[size_t(f.at(fy, fx) + i)];
              }
            }
          }
          ASSERT_NEAR(coarse[size_t(c.at(y, x) + channel)], sum, 1e-4) << y << ", " << x;
        }
      }
    }
  });
}

// <conv(x), y> = <x, mirror(y)> = <w, d/dw <conv(x), y>>, for the convolution is linear in each.
TEST(ConvProducts, AllThreeAreOneTrilinearForm) {
  for_each_problem([](const Problem& p) {
    auto fine = p.laid_out(p.sides.fine, 2), coarse = p.laid_out(p.sides.coarse, 3);
    auto forth = p.to_coarse(fine), back = p.to_fine(coarse);
    double form = dot(forth, coarse), scale = length(forth) * length(coarse) + 1;
    EXPECT_NEAR(dot(fine, back), form, 1e-6 * scale);
    EXPECT_NEAR(dot(p.weight, p.to_weights(coarse, fine)), form, 1e-6 * scale);
  });
}

TEST(ConvProducts, OfPackedWeightsAreThoseOfUnpackedOnesBitForBit) {
  for_each_problem(
      [](const Problem& p) {
        std::vector<uint32_t> for_coarse(static_cast<size_t>(p.products->packed_for_coarse()));
        std::vector<uint32_t> for_fine(static_cast<size_t>(p.products->packed_for_fine()));
        p.products->pack_for_coarse(p.for_coarse.data(), for_coarse.data());
        for (int64_t part = 0; part < p.products->fine_parts(); ++part) {
          p.products->pack_for_fine(p.for_fine.data(), part, for_fine.data());
        }
        auto fine = p.laid_out(p.sides.fine, 2), coarse = p.laid_out(p.sides.coarse, 3);
        EXPECT_EQ(p.to_coarse(fine, for_coarse.data()), p.to_coarse(fine));
        EXPECT_EQ(p.to_fine(coarse, for_fine.data()), p.to_fine(coarse));
      },
      Precision::bf16);
}

TEST(ConvProducts, BordersStayZero) {
  for_each_problem([](const Problem& p) {
    auto inside = [](const ImageLayout& l, int64_t at) {
      int64_t y = at % l.size() / l.row() - l.before;
      int64_t x = at % l.row() / l.channels - l.before;
      return y >= 0 && x >= 0 && y < l.height && x < l.width;
    };
    auto coarse = p.to_coarse(p.laid_out(p.sides.fine, 2));
    auto fine = p.to_fine(p.laid_out(p.sides.coarse, 3));
    for (size_t i = 0; i < coarse.size(); ++i) {
      ASSERT_TRUE(inside(p.sides.coarse, int64_t(i)) || coarse[i] == 0);
    }
    for (size_t i = 0; i < fine.size(); ++i) {
      ASSERT_TRUE(inside(p.sides.fine, int64_t(i)) || fine[i] == 0);
    }
  });
}

// The last pixel of the last image that a call takes has its place in 31 bits.
TEST(ConvProducts, TakeNoMoreImagesThanTheirListsReach) {
  ConvSpec wide{8192, 8, 8, 1, 1, 1, 31, 8, 15, false};
  ConvSides sides = sides_of(wide);
  ConvProducts products(wide, sides, Precision::f32);
  EXPECT_GT(products.most_images(), 1);
  EXPECT_LE(products.most_images() * sides.fine.size(), int64_t{1} << 31);
  EXPECT_FALSE(is_too_large(wide));
  wide.out = 8192;  // 6.4e10 weights
  EXPECT_TRUE(is_too_large(wide));
}

}  // namespace
}  // namespace elbo::sequential
