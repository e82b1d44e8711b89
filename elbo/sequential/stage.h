// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "elbo/kernels/activation.h"
#include "elbo/kernels/buffer.h"
#include "elbo/kernels/gemm.h"
#include "elbo/tensor/random.h"
#include "elbo/tensor/threads.h"

namespace elbo::sequential {

/// Of integers, a >= 0 and b > 0, rounded up.
inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Vectors in the widest block of a product whose op(B) comes packed: of them a chain takes half of
/// a second-level cache of a megabyte.
constexpr int64_t kMostPackedVectors = 64;

/// How one image lies in a signal: pixel after pixel with all its channels, rows from the top, with
/// a border of zeros so that convolutions read patches in place.
struct ImageLayout {
  int64_t channels, height, width;
  int64_t before = 0, after = 0;  ///< pixels of border above and left; below and right

  int64_t row() const { return (before + width + after) * channels; }
  int64_t size() const { return (before + height + after) * row(); }
  /// Where pixel (y, x) is; either may lie in the border.
  int64_t at(int64_t y, int64_t x) const { return (before + y) * row() + (before + x) * channels; }
};

/// What flows from one stage to the next: a row for each example. Its values and its gradient lie
/// in memory of its own, or where the pass brings them in or wants them.
struct Signal {
  Signal(int64_t columns, bool gradient) : width(columns), has_gradient(gradient) {}
  Signal(const ImageLayout& layout, bool gradient)
      : width(layout.size()), image(layout), has_gradient(gradient) {}
  /// Makes room for so many rows.
  void reserve(int64_t rows);
  /// Draws which elements dropout keeps.
  void draw_keep(RowNoise& noise, int64_t rows);
  /// activated <- act(activated + bias), and dropout, for n elements from `at` on.
  void activate(const float* bias, int64_t at, int64_t n);
  /// The gradient with respect to the value becomes that with respect to the sums.
  void finish_gradient(int64_t at, int64_t n);

  int64_t width;
  std::optional<ImageLayout> image;  ///< none: a plain row
  bool has_gradient;
  Activation activation = Activation::none;
  double dropout = 0;

  const float* value = nullptr;  ///< [rows, width] as the next stage sees it
  float* activated = nullptr;    ///< act(sums), before dropout
  float* gradient = nullptr;     ///< of the loss with respect to the sums
  Buffer sums;                   ///< kept where the activation's gradient needs them
  Buffer dropped, keep;          ///< with dropout: the value, and its factors 0 or 1 / (1 - rate)
  Buffer values, gradients;      ///< of its own
  int64_t room = 0;              ///< rows
  bool is_outside = false;       ///< whether the pass says where value and gradient lie
  const ActivationKernels& kernels = activation_kernels(isa());
};

/// A parameter in one pass, contiguous f32.
struct Parameter {
  float* value = nullptr;
  float* gradient = nullptr;  ///< null where nobody wants it
};

/// A batch at work: who shares out its loops, with scratch for each member.
struct Work {
  Work(Workers& w, int64_t n) : workers(w), team(w.team()), rows(n) {}
  float* scratch(int member) const { return workers.scratch(member); }
  Workers& workers;
  Team& team;
  int64_t rows;
};

/// A part of a pass. Whoever writes a signal's gradient finishes it.
class Stage {
 public:
  virtual ~Stage() = default;
  /// For people who ask where the time goes.
  virtual std::string name() const = 0;
  /// Makes room for batches of so many rows.
  virtual void reserve(int64_t rows) = 0;
  /// Floats of scratch that each member needs.
  virtual int64_t scratch() const { return 0; }
  /// Draws what is random, as LibTorch's operators would (nets/layers.h).
  virtual void draw(RowNoise& /*noise*/, int64_t /*rows*/) {}
  virtual void forward(const Work& work) = 0;
  virtual void backward(const Work& work) = 0;
  /// Floating-point operations of the products of the last pass both ways, each multiplication and
  /// addition one; those with zeros that were left out are not counted.
  virtual double operations(int64_t /*rows*/) const { return 0; }
};

/// Which rows of C a turn takes, so that all members have as much to do and packing stays cheap.
struct Grid {
  static Grid shared_by(int64_t rows, const Panels& panels, int64_t members);
  /// With a height that does not depend on the number of members.
  static Grid of_height(int64_t rows, const Panels& panels, int64_t height);
  /// For op(B) that comes packed, where rows of op(A) are rounded for each block: blocks are as
  /// wide as C, or as the cache allows, unless members would idle.
  static Grid of_packed(int64_t rows, int64_t columns, int64_t lanes, int64_t members);
  int64_t turns() const { return panels.count() * row_blocks; }
  Block block(int64_t turn) const;

  Panels panels;
  int64_t rows, height, row_blocks;
};

}  // namespace elbo::sequential
