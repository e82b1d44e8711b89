// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace elbo {

/// Random numbers by counting: Philox 4x32-10, keyed by (seed, named stream) and a step.
///
/// Two Rngs with the same key and step give the same numbers; a draw made from one shifts nothing
/// in another; a fill gives the same numbers whatever the thread count or the machine. A resumed
/// run needs no state but the key and the step.
/// Source: Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
class Rng {
 public:
  explicit Rng(uint64_t seed, std::string_view stream = "", uint64_t step = 0);

  /// An independent generator for a named use; its step is this one's.
  Rng stream(std::string_view name) const;
  /// The same stream at another step (a training step, an epoch, a row number), from its start.
  Rng at(uint64_t step) const;
  /// An independent generator, another one at each call and each step; its own step is 0.
  Rng split();

  uint64_t key() const { return key_; }
  uint64_t step() const { return step_; }

  /// Independent bits, uniform on all 2^32 values.
  void bits(std::span<uint32_t> out);
  /// Uniform on [0, 1): multiples of 2^-24.
  void uniform(std::span<float> out);
  /// Ones with the chances p / 255, else zeros: uniform() < p / 255. Both of one size.
  void bernoulli(std::span<const uint8_t> p, std::span<float> out);
  /// Standard normal by Box-Muller; |value| <= 5.78.
  void normal(std::span<float> out);

  double uniform();            ///< one draw, uniform on [0, 1), multiples of 2^-53
  uint64_t below(uint64_t n);  ///< one draw, uniform on {0, ..., n-1}; n > 0
  /// A uniform permutation of 0..n-1 (Fisher-Yates).
  std::vector<int64_t> permutation(int64_t n);

 private:
  uint64_t key_ = 0;
  uint64_t step_ = 0;
  uint64_t block_ = 0;  ///< blocks of four words drawn so far at this step
};

/// The raw generator: ten rounds on a 128-bit counter.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

}  // namespace elbo
