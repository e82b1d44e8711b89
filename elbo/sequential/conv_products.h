// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "elbo/sequential/layer.h"
#include "elbo/sequential/stage.h"

namespace elbo::sequential {

/// The two sides of a strided convolution: `fine`, the images whose patches it reads, and `coarse`,
/// with a pixel for each patch. Its mirror goes from coarse to fine.
struct ConvSides {
  ImageLayout fine, coarse;
};

/// The sides of a convolution, with the least borders that its products need.
ConvSides sides_of(const ConvSpec& conv);

/// Whether an image or the weights have more elements than the products can find their way in.
bool is_too_large(const ConvSpec& conv);

/// The products of a convolution, each a matrix product whose rows are read and written in place:
///
///     to coarse: coarse[pixel] = patch of fine (kernel^2 pixels) by weights
///     to fine:   fine[pixel] = the coarse pixels whose patches it is in, by weights. Which
///                elements of the kernel meet depends on the pixel's place modulo the stride: one
///                product for each such phase, and no zeros are multiplied. With few fine channels,
///                for which vectors would be too long, patches are found and added instead
///     weights:   sum over pixels of patch of fine by coarse[pixel]
///
/// Weights are [coarse channels, fine channels, kernel, kernel] for a convolution and its mirror.
/// The products to coarse and to weights have them as [patch, coarse channels], where a patch is
/// [kernel, kernel, fine channels].
class ConvProducts {
 public:
  /// sides: with borders at least those of sides_of.
  ConvProducts(const ConvSpec& conv, const ConvSides& sides, Precision precision);

  int64_t coarse_channels() const { return coarse_.channels; }
  int64_t patch() const { return kernel_ * kernel_ * fine_.channels; }
  int64_t scratch() const;
  /// The most images that one call takes.
  int64_t most_images() const { return most_images_; }

  int64_t fine_channels() const { return fine_.channels; }
  /// Lays out the weights of one fine channel for the product to coarse, of one coarse channel for
  /// that to fine. `out` has room for all weights.
  void arrange_for_coarse(const float* weight, int64_t fine_channel, float* out) const;
  void arrange_for_fine(const float* weight, int64_t coarse_channel, float* out) const;
  /// How many uint32_t arranged weights take when they are packed, as products in bf16 want them;
  /// 0 in f32.
  int64_t packed_for_coarse() const;
  int64_t packed_for_fine() const;
  /// Packs all that was arranged; by parts [0, fine_parts()), perhaps at once, for that to fine.
  void pack_for_coarse(const float* arranged, uint32_t* out) const;
  int64_t fine_parts() const { return is_thin() ? 1 : std::ssize(phases_); }
  void pack_for_fine(const float* arranged, int64_t part, uint32_t* out) const;
  /// Weights as arranged, or as packed; scratch: scratch() floats. The fine images hold 0 at their
  /// borders.
  struct Weights {
    const float* arranged;
    const uint32_t* packed = nullptr;
  };
  void to_coarse(const float* fine, const Weights& weights, int64_t images, float* coarse,
                 float* scratch) const;
  void to_fine(const float* coarse, const Weights& weights, int64_t images, float* fine,
               float* scratch) const;
  /// Rows [first, end) of the weights' gradient [patch, coarse channels]; added to what is there if
  /// wanted.
  void to_weights(const float* coarse, const float* fine, int64_t images, int64_t first,
                  int64_t end, bool add, float* out, float* scratch) const;
  /// Where of the weights' gradient the sums [kernel^2, coarse channels] of one fine channel go.
  void place(const float* sums, int64_t fine_channel, float* weight) const;

 private:
  /// The fine pixels that stand at one place modulo the stride.
  struct Phase {
    std::vector<int32_t> fine_rows, coarse_rows, weight_rows;
    int64_t pixels = 0;  // of one image
    int64_t piece = 0;   // floats of a row of coarse pixels that meet one fine pixel
    int64_t packed = 0;  // where its weights begin
  };
  Phase phase(int64_t y, int64_t x) const;
  /// Without images and weights.
  Gemm coarse_product(int64_t images) const;
  Gemm fine_product(const Phase& phase, int64_t images) const;
  Gemm patches_product(int64_t pixels) const;
  void run(const Gemm& g, float* scratch) const { run(g, 0, g.m, scratch); }
  void run(const Gemm& g, int64_t first_row, int64_t end_row, float* scratch) const;
  bool is_thin() const { return fine_.channels < kFewChannels; }
  int64_t patch_lines() const;
  void add_patches(const float* coarse, const Weights& weights, int64_t images, float* fine,
                   float* scratch) const;
  void add_line(const float* patches, int64_t y, float* fine) const;
  void add_patch(const float* patch, int64_t y, int64_t x, float* fine) const;

  static constexpr int64_t kFewChannels = 8;

  ImageLayout fine_, coarse_;
  int64_t kernel_, stride_, padding_, most_images_;
  std::vector<int32_t> patch_rows_, coarse_rows_;  // of most_images_ images
  std::vector<Phase> phases_;
  const GemmKernels& gemms_ = gemm_kernels(isa());
  Precision precision_;
  GemmBlock product_;
};

}  // namespace elbo::sequential
