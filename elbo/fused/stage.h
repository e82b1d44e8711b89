// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "elbo/core/rng.h"
#include "elbo/kernels/activation.h"
#include "elbo/kernels/buffer.h"
#include "elbo/kernels/gemm.h"
#include "elbo/kernels/team.h"

namespace elbo::fused {

/// What flows from one stage to the next: a row for each example.
struct Signal {
  explicit Signal(int64_t columns) : width(columns) {}
  /// Makes room for so many rows.
  void reserve(int64_t rows);

  int64_t width;
  Activation activation = Activation::none;
  double dropout = 0;
  bool has_gradient = true;

  const float* value = nullptr;  ///< [rows, width] as the next stage sees it
  Buffer activated;              ///< act(sums), before dropout
  Buffer sums;                   ///< kept where the activation's gradient needs them
  Buffer dropped, keep;          ///< with dropout: the value, and its factors 0 or 1 / (1 - rate)
  Buffer gradient;               ///< of the loss with respect to the sums
};

/// A parameter tensor and its gradient, both contiguous f32.
struct Parameter {
  float* value = nullptr;
  float* gradient = nullptr;
};

/// A batch at work: who shares out its loops, and scratch for each member.
struct Work {
  Team& team;
  int64_t rows;
  const std::vector<Buffer>& buffers;
  float* scratch(int member) const { return buffers[static_cast<size_t>(member)].data(); }
};

/// A part of the step. Whoever writes a signal's gradient applies the derivative of its activation.
class Stage {
 public:
  virtual ~Stage() = default;
  /// Makes room for batches of so many rows.
  virtual void reserve(int64_t rows) = 0;
  /// Floats of scratch that each member needs.
  virtual int64_t scratch() const { return 0; }
  /// Draws what is random, in the order in which autograd draws it.
  virtual void draw(Rng& /*rng*/, int64_t /*rows*/) {}
  virtual void forward(const Work& work) = 0;
  virtual void backward(const Work& work) = 0;
};

/// Which rows of C a turn takes, so that all members have as much to do and packing stays cheap.
struct Grid {
  Grid(int64_t rows, int64_t columns, int64_t lanes, int members);
  /// With a height that does not depend on the number of members.
  Grid(int64_t rows, int64_t columns, int64_t lanes, int64_t height);
  int64_t turns() const { return panels.count() * row_blocks; }
  Block block(int64_t turn) const;

  Panels panels;
  int64_t rows, height, row_blocks;
};

}  // namespace elbo::fused
