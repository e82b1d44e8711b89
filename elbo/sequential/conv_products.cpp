// SPDX-License-Identifier: Apache-2.0
#include "elbo/sequential/conv_products.h"

#include <algorithm>

namespace elbo::sequential {
namespace {

constexpr int64_t kMostPlaces = INT32_MAX;  // in lists of rows
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

bool is_too_large(const ConvSpec& c) {
  ConvSides s = sides_of(c);
  int64_t weights = s.fine.channels * s.coarse.channels * c.kernel * c.kernel;
  // Half, since an image may get the wider border of the convolution beside it.
  return std::max({s.fine.size(), s.coarse.size(), weights}) > kMostPlaces / 2;
}

/// A patch reaches from pixel -padding to (coarse size - 1) stride - padding + kernel - 1. The fine
/// pixel y is in the patches of the coarse pixels (y + padding - kernel element) / stride.
ConvSides sides_of(const ConvSpec& c) {
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

ConvProducts::ConvProducts(const ConvSpec& c, const ConvSides& sides, Precision precision)
    : fine_(sides.fine),
      coarse_(sides.coarse),
      kernel_(c.kernel),
      stride_(c.stride),
      padding_(c.padding),
      most_images_(
          std::max<int64_t>(1, std::min(kRows / (coarse_.height * coarse_.width),
                                        kMostPlaces / std::max(fine_.size(), coarse_.size())))),
      precision_(precision),
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
  int64_t packed = 0;
  for (Phase& p : phases_) {
    p.packed = packed;
    packed += bf16_kernels(isa()).packed_size(fine_product(p, 1));
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
  return kGemmScratch + (is_thin() ? patch_lines() * coarse_.width * patch() : 0);
}

/// Some coarse channels at a time, whose weights stay in the cache.
void ConvProducts::arrange_for_coarse(const float* weight, int64_t f, float* out) const {
  constexpr int64_t kTogether = 16;
  int64_t area = kernel_ * kernel_, fine = fine_.channels, coarse = coarse_.channels;
  for (int64_t first = 0; first < coarse; first += kTogether) {
    int64_t end = std::min(coarse, first + kTogether);
    for (int64_t e = 0; e < area; ++e) {
      float* to = out + (e * fine + f) * coarse;
      for (int64_t c = first; c < end; ++c) to[c] = weight[(c * fine + f) * area + e];
    }
  }
}

/// [kernel^2, coarse channels, fine channels], or [coarse channels, patch] where patches are added.
void ConvProducts::arrange_for_fine(const float* weight, int64_t c, float* out) const {
  int64_t area = kernel_ * kernel_, fine = fine_.channels, coarse = coarse_.channels;
  const float* from = weight + c * fine * area;
  for (int64_t e = 0; e < area; ++e) {
    float* to = out + (is_thin() ? c * area + e : e * coarse + c) * fine;
    for (int64_t f = 0; f < fine; ++f) to[f] = from[f * area + e];
  }
}

void ConvProducts::place(const float* sums, int64_t f, float* weight) const {
  int64_t area = kernel_ * kernel_;
  for (int64_t c = 0; c < coarse_.channels; ++c) {
    float* to = weight + (c * fine_.channels + f) * area;
    for (int64_t e = 0; e < area; ++e) to[e] = sums[e * coarse_.channels + c];
  }
}

void ConvProducts::run(const Gemm& g, int64_t first_row, int64_t end_row, float* scratch) const {
  Panels panels(g.n, gemms_.lanes, g.b_packed ? kMostPackedVectors : most_vectors(precision_));
  for (int64_t p = 0; p < panels.count(); ++p) {
    product_(g, {first_row, end_row - first_row, panels.begin(p), panels.width(p)}, scratch);
  }
}

Gemm ConvProducts::coarse_product(int64_t images) const {
  Gemm g;
  g.m = images * coarse_.height * coarse_.width, g.n = coarse_.channels, g.k = patch();
  g.a_rows = patch_rows_.data();
  g.a_piece = kernel_ * fine_.channels, g.a_piece_stride = fine_.row();
  g.ldb = coarse_.channels;
  g.c_rows = coarse_rows_.data();
  return g;
}

Gemm ConvProducts::fine_product(const Phase& p, int64_t images) const {
  Gemm g;
  g.m = images * p.pixels, g.n = fine_.channels;
  g.k = static_cast<int64_t>(p.weight_rows.size());
  g.a_rows = p.coarse_rows.data();
  g.a_piece = p.piece, g.a_piece_stride = coarse_.row();
  g.b_rows = p.weight_rows.data();
  g.c_rows = p.fine_rows.data();
  return g;
}

Gemm ConvProducts::patches_product(int64_t pixels) const {
  Gemm g;
  g.m = pixels, g.n = patch(), g.k = coarse_.channels;
  g.ldb = g.ldc = patch();
  return g;
}

int64_t ConvProducts::packed_for_coarse() const {
  return precision_ == Precision::bf16 ? bf16_kernels(isa()).packed_size(coarse_product(1)) : 0;
}

int64_t ConvProducts::packed_for_fine() const {
  if (precision_ == Precision::f32) return 0;
  auto size = bf16_kernels(isa()).packed_size;
  if (is_thin()) return size(patches_product(1));
  return phases_.back().packed + size(fine_product(phases_.back(), 1));
}

void ConvProducts::pack_for_coarse(const float* arranged, uint32_t* out) const {
  Gemm g = coarse_product(1);
  g.b = arranged;
  bf16_kernels(isa()).pack_b(g, 0, g.k, out);
}

void ConvProducts::pack_for_fine(const float* arranged, int64_t part, uint32_t* out) const {
  const Phase& p = phases_[static_cast<size_t>(part)];
  Gemm g = is_thin() ? patches_product(1) : fine_product(p, 1);
  g.b = arranged;
  bf16_kernels(isa()).pack_b(g, 0, g.k, is_thin() ? out : out + p.packed);
}

void ConvProducts::to_coarse(const float* fine, const Weights& weights, int64_t images,
                             float* coarse, float* scratch) const {
  Gemm g = coarse_product(images);
  g.a = fine, g.b = weights.arranged, g.b_packed = weights.packed, g.c = coarse;
  run(g, scratch);
}

void ConvProducts::to_fine(const float* coarse, const Weights& weights, int64_t images, float* fine,
                           float* scratch) const {
  if (is_thin()) return add_patches(coarse, weights, images, fine, scratch);
  for (const Phase& p : phases_) {
    Gemm g = fine_product(p, images);
    g.a = coarse, g.b = weights.arranged, g.c = fine;
    if (weights.packed) g.b_packed = weights.packed + p.packed;
    run(g, scratch);
  }
}

/// Lines of coarse pixels whose patches are found at once.
int64_t ConvProducts::patch_lines() const {
  return std::clamp<int64_t>(kRows / coarse_.width, 1, coarse_.height);
}

void ConvProducts::add_patches(const float* coarse, const Weights& weights, int64_t images,
                               float* fine, float* scratch) const {
  float* patches = scratch + kGemmScratch;
  Gemm g = patches_product(0);
  g.b = weights.arranged, g.b_packed = weights.packed, g.c = patches;
  for (int64_t i = 0; i < images; ++i, coarse += coarse_.size(), fine += fine_.size()) {
    for (int64_t y = 0; y < fine_.height; ++y) {
      std::fill_n(fine + fine_.at(y, 0), fine_.width * fine_.channels, 0.0f);
    }
    for (int64_t first = 0; first < coarse_.height; first += patch_lines()) {
      int64_t lines = std::min(patch_lines(), coarse_.height - first);
      g.m = lines * coarse_.width;
      g.a = coarse, g.a_rows = coarse_rows_.data() + first * coarse_.width;
      run(g, scratch);
      for (int64_t y = 0; y < lines; ++y) {
        add_line(patches + y * coarse_.width * g.n, first + y, fine);
      }
    }
  }
}

/// The patches of line y. Those that overlap are not added right after each other: a processor
/// waits before it reads what it has just written in another cut.
void ConvProducts::add_line(const float* patches, int64_t y, float* fine) const {
  int64_t apart = (kernel_ + stride_ - 1) / stride_;
  for (int64_t first = 0; first < apart; ++first) {
    for (int64_t x = first; x < coarse_.width; x += apart) {
      add_patch(patches + x * patch(), y, x, fine);
    }
  }
}

/// What lies within the image of the patch of coarse pixel (y, x).
void ConvProducts::add_patch(const float* patch, int64_t y, int64_t x, float* fine) const {
  int64_t top = y * stride_ - padding_, left = x * stride_ - padding_;
  int64_t first_y = std::max<int64_t>(0, -top), end_y = std::min(kernel_, fine_.height - top);
  int64_t first_x = std::max<int64_t>(0, -left), end_x = std::min(kernel_, fine_.width - left);
  if (first_y >= end_y || first_x >= end_x) return;
  gemms_.add_block(patch + (first_y * kernel_ + first_x) * fine_.channels, kernel_ * fine_.channels,
                   end_y - first_y, (end_x - first_x) * fine_.channels,
                   fine + fine_.at(top + first_y, left + first_x), fine_.row());
}

void ConvProducts::to_weights(const float* coarse, const float* fine, int64_t images, int64_t first,
                              int64_t end, bool add, float* out, float* scratch) const {
  Gemm g;
  g.m = patch(), g.n = coarse_.channels, g.k = images * coarse_.height * coarse_.width;
  g.a = fine, g.a_rows = patch_rows_.data(), g.a_transposed = true;
  g.a_piece = kernel_ * fine_.channels, g.a_piece_stride = fine_.row();
  g.b = coarse, g.b_rows = coarse_rows_.data();
  g.c = out, g.ldc = g.n, g.add = add;
  run(g, first, end, scratch);
}

}  // namespace elbo::sequential
