// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/latent.h"

#include <algorithm>
#include <numeric>

#include "elbo/eval/latent_view.h"
#include "elbo/eval/prepare.h"
#include "elbo/tensor/convert.h"

namespace elbo {

void DecodeOptions::fields(Fields& f) {
  f("decode", decode, "what to show of p(x|z): its mean, or a draw from it", {"mean", "sample"});
  f("seed", seed, "the number from which all randomness follows", at_least(0));
}

void SampleOptions::fields(Fields& f) {
  f("count", count, "how many", between(1, 10000000));
  f("temperature", temperature, "scale of the deviations of z from the prior's mean", at_least(0));
  f("decode", decode,
    "what to show of p(x|z): its mean, or a draw from it; auto is a draw of a table, the mean of "
    "an "
    "image",
    {"auto", "mean", "sample"});
  f("seed", seed, "the number from which all randomness follows", at_least(0));
}

void EncodeOptions::fields(Fields& f) {
  f("draws", draws, "draws from q(z|x) for each example, beside its mean", between(0, 100000));
  f("seed", seed, "the number from which all randomness follows", at_least(0));
}

void InterpolateOptions::fields(Fields& f) {
  f("from", from,
    "rows to start from, by their number in the file, from 1; random ones when none are given",
    at_least(1));
  f("to", to, "rows to go to, as many", at_least(1));
  f("count", count, "random pairs, when no rows are given", between(1, 100000));
  f("steps", steps, "points on the way, both ends included", between(2, 100000));
  f("path", path, "straight, or along the great circle", {"linear", "spherical"});
  DecodeOptions::fields(f);
}

void TraverseOptions::fields(Fields& f) {
  f("dims", dims, "latent dimensions, from 0; those of largest KL when none are given",
    at_least(0));
  f("count", count, "how many dimensions, when none are given", between(1, 65536));
  f("steps", steps, "values each dimension takes", between(2, 100000));
  f("range", range, "from minus this to plus this, in standard deviations of the prior", above(0));
  f("row", row,
    "the row around which to move, by its number in the file, from 1; -1 moves around the prior's "
    "mean",
    at_least(-1));
  DecodeOptions::fields(f);
}

int64_t latent_size(const Model& model) {
  std::vector<int64_t> sizes = model.latent_sizes();
  return std::accumulate(sizes.begin(), sizes.end(), int64_t{0});
}

namespace {

/// [.., n, Z] and the event's shape give [.., n, event...].
std::vector<int64_t> shape_of_x(const Tensor& z, const Schema& schema) {
  std::vector<int64_t> shape(z.sizes().begin(), z.sizes().end() - 1);
  shape.insert(shape.end(), schema.shape.begin(), schema.shape.end());
  return shape;
}

void check_rows(std::span<const int64_t> rows, const Dataset& data, const char* option) {
  for (int64_t row : rows) {
    ELBO_CHECK(row >= 0 && row < data.size(), Code::usage,
               "{}: no row {}; the data has rows 0 to {}", option, row, data.size() - 1);
  }
}

Tensor deviations(const std::vector<Encoding>& encodings) {
  std::vector<Tensor> out;
  for (const Encoding& e : encodings) out.push_back(e.q->variance().sqrt());
  return at::cat(out, -1);
}

Tensor posterior_draws(const std::vector<Encoding>& encodings, Rng& rng, int64_t n) {
  std::vector<Tensor> out;
  for (const Encoding& e : encodings) out.push_back(e.q->sample(rng, n));
  return at::cat(out, -1);
}

Tensor decode(const Run& run, const Tensor& z, const DecodeOptions& options, Rng& rng) {
  Model& model = *run.trained.model;
  EvalMode mode(model);
  const int64_t size = latent_size(model);
  ELBO_CHECK(z.dim() >= 1 && z.size(-1) == size, Code::data,
             "latents of shape {}, but the model has {}", shape_text(z.sizes().vec()),
             counted(size, "latent dimension"));
  Tensor flat = z.reshape({-1, size}).to(at::kFloat);
  std::string place = first_place(flat.isfinite().logical_not());
  ELBO_CHECK(place.empty(), Code::data, "latents: not finite at {}", place);
  std::vector<Tensor> parts;
  for (int64_t begin = 0; begin < flat.size(0); begin += kRowsTogether) {
    Tensor some = flat.narrow(0, begin, std::min(kRowsTogether, flat.size(0) - begin));
    auto px = model.decode(split_latents(some.to(device_of(model)), model.latent_sizes()), rng);
    Tensor x = options.decode == "sample" ? px->sample(rng, 1)[0] : px->mean();
    parts.push_back(run.trained.pipeline->invert(x.to(at::kCPU, at::kFloat)));
  }
  Tensor x = parts.empty() ? at::empty({0}) : at::cat(parts);
  return x.reshape(shape_of_x(z, run.trained.schema));
}

}  // namespace

Noise::Noise(int64_t seed)
    : encode(static_cast<uint64_t>(seed), "encode"),
      decode(static_cast<uint64_t>(seed), "decode") {}

Tensor decode(const Run& run, const Tensor& z, const DecodeOptions& options) {
  Noise noise(options.seed);
  return decode(run, z, options, noise.decode);
}

Samples sample(const Run& run, const SampleOptions& options) {
  Rng rng(static_cast<uint64_t>(options.seed), "sample");
  Samples out;
  {
    EvalMode mode(*run.trained.model);
    out.z = at::cat(run.trained.model->sample_prior(rng, options.count, options.temperature), -1);
    out.z = out.z.to(at::kCPU);
  }
  DecodeOptions how = options;
  if (how.decode == "auto") how.decode = run.trained.schema.kind == "table" ? "sample" : "mean";
  out.x = decode(run, out.z, how);
  out.decode = how.decode;
  return out;
}

Codes encode(const Run& run, const Dataset& data, std::span<const int64_t> rows,
             const EncodeOptions& options) {
  Noise noise(options.seed);
  return encode(run, data, rows, options, noise);
}

Codes encode(const Run& run, const Dataset& data, std::span<const int64_t> rows,
             const EncodeOptions& options, Noise& noise) {
  check_rows(rows, data, "rows");
  Model& model = *run.trained.model;
  EvalMode mode(model);
  Rng& rng = noise.encode;
  std::vector<Tensor> means, deviation, draws, labels;
  for_each_prepared(
      model, *run.trained.pipeline, data, rows, kRowsTogether, [&](const Batch& batch) {
        std::vector<Encoding> encodings = model.encode(batch, rng);
        means.push_back(posterior_mean(encodings).to(at::kCPU));
        deviation.push_back(deviations(encodings).expand_as(means.back()).to(at::kCPU));
        if (options.draws > 0) {
          draws.push_back(posterior_draws(encodings, rng, options.draws).to(at::kCPU));
        }
        if (batch.y.defined()) labels.push_back(batch.y.to(at::kCPU));
      });
  ELBO_CHECK(!means.empty(), Code::data, "nothing to encode: the data set is empty");
  Codes out{at::cat(means), at::cat(deviation), {}, {}};
  if (!draws.empty()) out.draws = at::cat(draws, 1);
  if (!labels.empty()) out.y = at::cat(labels);
  return out;
}

Reconstruction reconstruct(const Run& run, const Dataset& data, std::span<const int64_t> rows,
                           const DecodeOptions& options) {
  Noise noise(options.seed);
  return reconstruct(run, data, rows, options, noise);
}

Reconstruction reconstruct(const Run& run, const Dataset& data, std::span<const int64_t> rows,
                           const DecodeOptions& options, Noise& noise) {
  Reconstruction out;
  out.z = encode(run, data, rows, {}, noise).mean;
  out.result = decode(run, out.z, options, noise.decode);
  Batch batch = data.get(rows);
  out.x = batch.x;
  out.mask = batch.mask;
  out.y = batch.y;
  return out;
}

namespace {

/// `count` pairs of rows; of up to 20 draws for each, the first whose labels differ.
void choose_pairs(const Dataset& data, int64_t count, Rng rng, Interpolation& out) {
  auto row = [&] { return static_cast<int64_t>(rng.below(static_cast<uint64_t>(data.size()))); };
  for (int64_t i = 0; i < count; ++i) {
    std::array<int64_t, 2> pair{};
    for (int attempt = 0; attempt < 20; ++attempt) {
      pair = {row(), row()};
      Tensor y = data.get(pair).y;
      bool same = y.defined() && y[0].equal(y[1]);
      if (pair[0] != pair[1] && !same) break;
    }
    out.from.push_back(pair[0]);
    out.to.push_back(pair[1]);
  }
}

/// a, b [P, Z]; returns [P, S, Z].
Tensor way(const Tensor& a, const Tensor& b, int64_t steps, bool spherical) {
  Tensor t = at::linspace(0, 1, steps).view({1, -1, 1});
  Tensor from = a.unsqueeze(1), to = b.unsqueeze(1);
  Tensor linear = (1 - t) * from + t * to;
  if (!spherical) return linear;
  Tensor from_length = from.norm(2, -1, true), to_length = to.norm(2, -1, true);
  Tensor u = from / from_length.clamp_min(1e-12), v = to / to_length.clamp_min(1e-12);
  Tensor angle = (u * v).sum(-1, true).clamp(-1, 1).acos();
  Tensor direction = (((1 - t) * angle).sin() * u + (t * angle).sin() * v) / angle.sin();
  Tensor arc = ((1 - t) * from_length + t * to_length) * direction;
  // Parallel and opposite ends have no great circle of their own.
  return arc.where(angle.sin() > 1e-4, linear);
}

}  // namespace

Interpolation interpolate(const Run& run, const Dataset& data, const InterpolateOptions& options) {
  ELBO_CHECK(options.from.size() == options.to.size(), Code::usage,
             "{} rows to start from and {} to go to; expected as many of each\nName both ends of "
             "every pair: --from 3,7 --to 10,12",
             options.from.size(), options.to.size());
  ELBO_CHECK(data.size() > 0, Code::data, "nothing to interpolate: the data set is empty");
  Interpolation out;
  out.from = options.from;
  out.to = options.to;
  if (out.from.empty()) {
    choose_pairs(data, options.count, Rng(static_cast<uint64_t>(options.seed), "interpolate"), out);
  }
  check_rows(out.from, data, "from");
  check_rows(out.to, data, "to");
  out.x_from = data.get(out.from).x;
  out.x_to = data.get(out.to).x;
  out.z = way(encode(run, data, out.from).mean, encode(run, data, out.to).mean, options.steps,
              options.path == "spherical");
  out.x = decode(run, out.z, options);
  return out;
}

Traversal traverse(const Run& run, const Dataset& data, const TraverseOptions& options) {
  Model& model = *run.trained.model;
  const int64_t size = latent_size(model);
  Traversal out;
  out.dims = options.dims;
  if (out.dims.empty()) {
    out.dims = view_latents(model, *run.trained.pipeline, data).order;
    out.dims.resize(static_cast<size_t>(std::min(options.count, size)));
  }
  Tensor base = at::zeros({size});
  if (options.row >= 0) {
    std::array<int64_t, 1> row = {options.row};
    check_rows(row, data, "row");
    base = encode(run, data, row).mean[0];
  }
  Tensor positions = at::linspace(-options.range, options.range, options.steps);
  auto dims = static_cast<int64_t>(out.dims.size());
  out.z = base.expand({dims, options.steps, size}).clone();
  for (int64_t d = 0; d < dims; ++d) {
    int64_t dim = out.dims[static_cast<size_t>(d)];
    ELBO_CHECK(dim >= 0 && dim < size, Code::usage,
               "dims: no latent dimension {}; the model has 0 to {}", dim, size - 1);
    out.z[d].select(1, dim).copy_(positions);
  }
  for (int64_t s = 0; s < options.steps; ++s) out.positions.push_back(positions[s].item<double>());
  out.x = decode(run, out.z, options);
  return out;
}

}  // namespace elbo
