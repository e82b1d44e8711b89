// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "elbo/tasks/run.h"

namespace elbo {

/// Using a trained model. Everything that comes out as x is in the units of the data as stored, on
/// the CPU, f32 or where that would lose digits f64: images in their range (not rounded), tables in
/// their columns' own units. Each call is a function of the run, the data and the seed alone; work
/// is done in batches.

struct DecodeOptions {
  std::string decode = "mean";
  int64_t seed = 0;
  void fields(Fields& f);
};

/// x for latents z [.., Z], all groups side by side: the mean of p(x|z), or a draw from it.
/// Returns [.., event...]. Throws Error(Code::data) when Z is not the model's or z is not finite.
Tensor decode(const Run& run, const Tensor& z, const DecodeOptions& options = {});

/// Where a call that works on some of many rows takes its randomness from: calls with the same one,
/// each but the last with a multiple of kRowsTogether rows, give together what one call for all
/// gives.
struct Noise {
  explicit Noise(int64_t seed);
  Rng encode, decode;
};
inline constexpr int64_t kRowsTogether = 500;

/// `decode` may be "auto": draws of tables, means of images, whose pixels' noise hides what they
/// show.
struct SampleOptions : DecodeOptions {
  SampleOptions() { decode = "auto"; }
  int64_t count = 64;
  double temperature = 1;
  void fields(Fields& f);
};

/// Draws from the prior, and what they decode to.
struct Samples {
  Tensor z;            ///< [n, Z]
  Tensor x;            ///< [n, event...]
  std::string decode;  ///< "mean" or "sample": what x is
};
Samples sample(const Run& run, const SampleOptions& options);

/// Some examples and what the model makes of them.
struct Reconstruction {
  Tensor x;       ///< [n, event...] as stored
  Tensor mask;    ///< [n, event...] 1 = observed; undefined when nothing is missing
  Tensor z;       ///< [n, Z] posterior means
  Tensor result;  ///< [n, event...] decoded from z
  Tensor y;       ///< [n] Batch::y; undefined when unlabelled
};
Reconstruction reconstruct(const Run& run, const Dataset& data, std::span<const int64_t> rows,
                           const DecodeOptions& options = {});
Reconstruction reconstruct(const Run& run, const Dataset& data, std::span<const int64_t> rows,
                           const DecodeOptions& options, Noise& noise);

struct EncodeOptions {
  int64_t draws = 0;
  int64_t seed = 0;
  void fields(Fields& f);
};

/// Where examples lie in the latent space, groups side by side.
struct Codes {
  Tensor mean;   ///< [n, Z] of q(z|x)
  Tensor sd;     ///< [n, Z] standard deviation of each dimension by itself; 0 for an autoencoder
  Tensor draws;  ///< [K, n, Z] from q(z|x); undefined unless asked for
  Tensor y;      ///< [n] Batch::y; undefined when unlabelled
};
Codes encode(const Run& run, const Dataset& data, std::span<const int64_t> rows,
             const EncodeOptions& options = {});
Codes encode(const Run& run, const Dataset& data, std::span<const int64_t> rows,
             const EncodeOptions& options, Noise& noise);

struct InterpolateOptions : DecodeOptions {
  std::vector<int64_t> from, to;
  int64_t count = 8;
  int64_t steps = 10;
  std::string path = "linear";
  void fields(Fields& f);
};

/// Ways through the latent space from the posterior mean of one example to that of another.
struct Interpolation {
  std::vector<int64_t> from, to;  ///< [P] rows of the data
  Tensor x_from, x_to;            ///< [P, event...] the examples themselves
  Tensor z;                       ///< [P, S, Z]
  Tensor x;                       ///< [P, S, event...]
};
/// Without rows, `count` random pairs that differ in their label where there is one. On a spherical
/// path the direction follows the great circle, (sin((1-t) w) u + sin(t w) v) / sin w for the ends'
/// directions u and v with angle w between them (Shoemake 1985), while the length changes evenly.
/// Throws Error(Code::usage) for rows that are not there or do not pair up.
Interpolation interpolate(const Run& run, const Dataset& data, const InterpolateOptions& options);

struct TraverseOptions : DecodeOptions {
  std::vector<int64_t> dims;
  int64_t count = 10;
  int64_t steps = 11;
  double range = 3;
  int64_t row = -1;
  void fields(Fields& f);
};

/// One latent dimension after another moved while the others stand still.
struct Traversal {
  std::vector<int64_t> dims;      ///< [D]
  std::vector<double> positions;  ///< [S] values the dimension takes
  Tensor z;                       ///< [D, S, Z]
  Tensor x;                       ///< [D, S, event...]
};
/// Without `dims`, the `count` dimensions of largest KL on the data. The others stay at 0, or at
/// the posterior mean of a row. Throws Error(Code::usage) for a dimension or row that is not there.
Traversal traverse(const Run& run, const Dataset& data, const TraverseOptions& options);

/// Latent dimensions of a model in all.
int64_t latent_size(const Model& model);

}  // namespace elbo
