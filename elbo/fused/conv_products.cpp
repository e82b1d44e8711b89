// SPDX-License-Identifier: Apache-2.0
#include "elbo/fused/conv_products.h"

#include <algorithm>

namespace elbo::fused {
namespace {

constexpr int64_t kRows = 384;  // of a product: enough that packing weights costs little

/// Of integers, b > 0.
int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

/// The rows' places in `images` images, from those in the first.
std::vector<int32_t> repeat(const std::vector<int32_t>& rows, int64_t images, int64_t stride) {
  std::vector<int32_t> out;
  for (int64_t i = 0; i < images; ++i) {
    for (int32_t row : rows) out.push_back(static_cast<int32_t>(i * stride + row));
  }
  return out;
}

}  // namespace

/// A patch reaches from pixel -padding to (coarse size - 1) stride - padding + kernel - 1. The fine
/// pixel y is in the patches of the coarse pixels (y + padding - kernel element) / stride.
ConvSides sides_of(const ChainConv& c) {
  ImageLayout in{c.in, c.in_height, c.in_width}, out{c.out, c.out_height, c.out_width};
  ConvSides s = c.mirrored ? ConvSides{out, in} : ConvSides{in, out};
  auto widen = [&c](int64_t fine, int64_t coarse, ConvSides& sides) {
    int64_t end = (coarse - 1) * c.stride - c.padding + c.kernel;
    int64_t last = (fine - 1 + c.padding) / c.stride;
    sides.fine.before = c.padding;
    sides.fine.after = std::max({sides.fine.after, end - fine, int64_t{0}});
    sides.coarse.before = std::max<int64_t>(0, floor_div(c.kernel - 1 - c.padding, c.stride));
    sides.coarse.after = std::max({sides.coarse.after, last - (coarse - 1), int64_t{0}});
  };
  widen(s.fine.height, s.coarse.height, s);
  widen(s.fine.width, s.coarse.width, s);
  return s;
}

ConvProducts::ConvProducts(const ChainConv& c, const ConvSides& sides, Precision precision)
    : fine_(sides.fine),
      coarse_(sides.coarse),
      kernel_(c.kernel),
      stride_(c.stride),
      padding_(c.padding),
      most_images_(std::max<int64_t>(1, kRows / (coarse_.height * coarse_.width))),
      most_vectors_(elbo::most_vectors(precision)),
      product_(gemm_block(precision, isa())) {
  std::vector<int32_t> patches, pixels;
  for (int64_t y = 0; y < coarse_.height; ++y) {
    for (int64_t x = 0; x < coarse_.width; ++x) {
      int64_t patch = fine_.at(y * stride_ - padding_, x * stride_ - padding_);
      patches.push_back(static_cast<int32_t>(patch));
      pixels.push_back(static_cast<int32_t>(coarse_.at(y, x)));
    }
  }
  patch_rows_ = repeat(patches, most_images_, fine_.size());
  coarse_rows_ = repeat(pixels, most_images_, coarse_.size());
  for (int64_t y = 0; y < stride_; ++y) {
    for (int64_t x = 0; x < stride_; ++x) phases_.push_back(phase(y, x));
  }
}

/// The fine pixels with (y + padding) % stride = first_y, and x likewise. They meet the elements
/// first, first + stride, .. of the kernel, at coarse pixels that go backwards.
ConvProducts::Phase ConvProducts::phase(int64_t first_y, int64_t first_x) const {
  auto elements = [this](int64_t first) {
    return first < kernel_ ? (kernel_ - first + stride_ - 1) / stride_ : 0;
  };
  int64_t high = elements(first_y), wide = elements(first_x);
  Phase out;
  std::vector<int32_t> fine, coarse;
  for (int64_t y = 0; y < fine_.height; ++y) {
    if ((y + padding_) % stride_ != first_y) continue;
    for (int64_t x = 0; x < fine_.width; ++x) {
      if ((x + padding_) % stride_ != first_x) continue;
      fine.push_back(static_cast<int32_t>(fine_.at(y, x)));
      int64_t begin =
          coarse_.at((y + padding_) / stride_ - (high - 1), (x + padding_) / stride_ - (wide - 1));
      coarse.push_back(static_cast<int32_t>(high * wide > 0 ? begin : 0));
    }
  }
  for (int64_t i = high; i-- > 0;) {
    for (int64_t j = wide; j-- > 0;) {
      int64_t element = (first_y + i * stride_) * kernel_ + first_x + j * stride_;
      for (int64_t c = 0; c < coarse_.channels; ++c) {
        auto row = (element * coarse_.channels + c) * fine_.channels;
        out.weight_rows.push_back(static_cast<int32_t>(row));
      }
    }
  }
  out.pixels = static_cast<int64_t>(fine.size());
  out.piece = wide * coarse_.channels;
  out.fine_rows = repeat(fine, most_images_, fine_.size());
  out.coarse_rows = repeat(coarse, most_images_, coarse_.size());
  return out;
}

int64_t ConvProducts::scratch() const {
  return kGemmScratch + (is_thin() ? coarse_.width * patch() : 0);
}

/// For coarse [kernel^2, fine channels, coarse channels]; for fine [kernel^2, coarse channels, fine
/// channels], or [coarse channels, patch] where patches are added.
void ConvProducts::arrange(const float* weight, int64_t channel, float* for_coarse,
                           float* for_fine) const {
  int64_t area = kernel_ * kernel_, fine = fine_.channels, coarse = coarse_.channels;
  const float* from = weight + channel * fine * area;
  for (int64_t f = 0; f < fine; ++f) {
    for (int64_t e = 0; e < area; ++e, ++from) {
      if (for_coarse) for_coarse[(e * fine + f) * coarse + channel] = *from;
      if (for_fine) {
        int64_t row = is_thin() ? channel * area + e : e * coarse + channel;
        for_fine[row * fine + f] = *from;
      }
    }
  }
}

void ConvProducts::place(const float* patch, int64_t channel, float* weight) const {
  int64_t area = kernel_ * kernel_, fine = fine_.channels;
  float* to = weight + channel * fine * area;
  for (int64_t f = 0; f < fine; ++f) {
    for (int64_t e = 0; e < area; ++e) *to++ = patch[e * fine + f];
  }
}

void ConvProducts::run(const Gemm& g, float* scratch) const {
  Panels panels(g.n, lanes_, most_vectors_);
  for (int64_t p = 0; p < panels.count(); ++p) {
    product_(g, {0, g.m, panels.begin(p), panels.width(p)}, scratch);
  }
}

void ConvProducts::to_coarse(const float* fine, const float* weight, int64_t images, float* coarse,
                             float* scratch) const {
  Gemm g;
  g.m = images * coarse_.height * coarse_.width, g.n = coarse_.channels, g.k = patch();
  g.a = fine, g.a_rows = patch_rows_.data();
  g.a_piece = kernel_ * fine_.channels, g.a_piece_stride = fine_.row();
  g.b = weight, g.ldb = coarse_.channels;
  g.c = coarse, g.c_rows = coarse_rows_.data();
  run(g, scratch);
}

void ConvProducts::to_fine(const float* coarse, const float* weight, int64_t images, float* fine,
                           float* scratch) const {
  if (is_thin()) return add_patches(coarse, weight, images, fine, scratch);
  for (const Phase& p : phases_) {
    Gemm g;
    g.m = images * p.pixels, g.n = fine_.channels;
    g.k = static_cast<int64_t>(p.weight_rows.size());
    g.a = coarse, g.a_rows = p.coarse_rows.data();
    g.a_piece = p.piece, g.a_piece_stride = coarse_.row();
    g.b = weight, g.b_rows = p.weight_rows.data();
    g.c = fine, g.c_rows = p.fine_rows.data();
    run(g, scratch);
  }
}

/// A row of coarse pixels at a time: their patches, then their sums.
void ConvProducts::add_patches(const float* coarse, const float* weight, int64_t images,
                               float* fine, float* scratch) const {
  float* patches = scratch + kGemmScratch;
  Gemm g;
  g.m = coarse_.width, g.n = patch(), g.k = coarse_.channels;
  g.lda = coarse_.channels;
  g.b = weight, g.ldb = patch();
  g.c = patches, g.ldc = patch();
  for (int64_t i = 0; i < images; ++i, coarse += coarse_.size(), fine += fine_.size()) {
    for (int64_t y = 0; y < fine_.height; ++y) {
      std::fill_n(fine + fine_.at(y, 0), fine_.width * fine_.channels, 0.0f);
    }
    for (int64_t y = 0; y < coarse_.height; ++y) {
      g.a = coarse + coarse_.at(y, 0);
      run(g, scratch);
      for (int64_t x = 0; x < coarse_.width; ++x) add_patch(patches + x * g.n, y, x, fine);
    }
  }
}

/// What lies within the image of the patch of coarse pixel (y, x).
void ConvProducts::add_patch(const float* patch, int64_t y, int64_t x, float* fine) const {
  int64_t top = y * stride_ - padding_, left = x * stride_ - padding_;
  int64_t first = std::max<int64_t>(0, -left), end = std::min(kernel_, fine_.width - left);
  for (int64_t i = std::max<int64_t>(0, -top); i < std::min(kernel_, fine_.height - top); ++i) {
    const float* from = patch + i * kernel_ * fine_.channels;
    float* to = fine + fine_.at(top + i, left);
    for (int64_t j = first * fine_.channels; j < end * fine_.channels; ++j) to[j] += from[j];
  }
}

void ConvProducts::to_weights(const float* coarse, const float* fine, int64_t images,
                              const Block& block, bool add, float* out, float* scratch) const {
  Gemm g;
  g.m = coarse_.channels, g.n = patch(), g.k = images * coarse_.height * coarse_.width;
  g.a = coarse, g.a_rows = coarse_rows_.data(), g.a_transposed = true;
  g.b = fine, g.b_rows = patch_rows_.data();
  g.b_piece = kernel_ * fine_.channels, g.b_piece_stride = fine_.row();
  g.c = out, g.ldc = g.n, g.add = add;
  product_(g, block, scratch);
}

}  // namespace elbo::fused
