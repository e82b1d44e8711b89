// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <vector>

#include "elbo/core/rng.h"
#include "elbo/tensor/torch.h"

namespace elbo {

/// Standard normals, f32 or f64, on the CPU from our own generator; on another device drawn by a
/// generator of that device seeded with the same key.
Tensor normal(Rng& rng, at::IntArrayRef shape, at::TensorOptions options = at::kFloat);
/// Uniform on [0, 1), likewise.
Tensor uniform(Rng& rng, at::IntArrayRef shape, at::TensorOptions options = at::kFloat);

/// Row b of the result is drawn by `rng.at(rows[b])`, so an example meets the same numbers in
/// whatever batch it stands, and on every device. rows [B] i64 on the CPU; returns [B, n] f32.
Tensor uniform_by_row(const Rng& rng, const Tensor& rows, int64_t n, at::Device device = at::kCPU);
/// The same bits by LibTorch's operators, where rows are: what other devices than the CPU do.
Tensor uniform_by_row_by_operators(const Rng& rng, const Tensor& rows, int64_t n);
/// Ones with the chances p [B, ...], zeros otherwise, f32: uniform_by_row < p in one pass, where p
/// is; p is f32, or bytes that stand for p / 255. rows [B] i64 on the CPU.
Tensor bernoulli_by_row(const Rng& rng, const Tensor& rows, const Tensor& p);

/// The noise of work that is recorded at one step and replayed at others. While a Use of the tape
/// lives, normal() and uniform() on this thread give out the tape's tensors in turn: those of the
/// first Use are drawn then, later ones find what redraw() left in them.
///
///     NoiseTape tape;
///     { NoiseTape::Use use(tape); work(rng.at(1)); }
///     tape.redraw(2);
///     { NoiseTape::Use use(tape); work(rng.at(1)); }   // draws what work(rng.at(2)) would
class NoiseTape {
 public:
  using Fill = void (*)(Rng& rng, Tensor& out);

  class Use {
   public:
    explicit Use(NoiseTape& tape);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
  };

  /// Draws everything anew, as the same work would at that step; returns the generators as that
  /// leaves them.
  std::map<uint64_t, Rng> redraw(uint64_t step);
  /// Whether redraw() gives what was drawn, and leaves the Rng that the work was given as the work
  /// did. It does not where the work draws from it by other means, or at a step of its own choice.
  bool can_redraw(const Rng& after);
  /// The next tensor in turn, which fill() would draw: for normal() and uniform().
  Tensor next(Rng& rng, at::IntArrayRef shape, at::TensorOptions options, Fill fill);

 private:
  struct Draw {
    Rng rng;
    Fill fill;
    Tensor noise;
  };

  std::vector<Draw> draws_;
  size_t given_ = 0;  // in this Use
  bool is_recorded_ = false;
};

}  // namespace elbo
