// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/image.h"
#include "elbo/report/strips.h"
#include "elbo/tasks/figures.h"
#include "elbo/tasks/pictures.h"

namespace elbo {
namespace {

constexpr int64_t kBlocks = 2;

int64_t columns_of(const Scene& scene) { return strip_columns(scene.run.trained.schema.shape[2]); }

const ValueRange& range_of(const Scene& scene) { return scene.run.trained.schema.range; }

Array some(const Scene& scene, const Tensor& x, int64_t first, int64_t n) {
  return to_pictures(x.narrow(0, first, std::min(n, x.size(0) - first)), range_of(scene));
}

/// The name of a row's class, or "row 17", its place in the source from 1.
std::string row_text(const Scene& scene, int64_t row) {
  const Schema& schema = scene.run.trained.schema;
  std::array<int64_t, 1> rows = {row};
  Tensor y = scene.data.get(rows).y;
  std::string place = fmt::format("row {}", scene.data.source_row(row) + 1);
  if (!y.defined() || y.is_floating_point()) return place;
  auto label = static_cast<size_t>(y.item<int64_t>());
  return label < schema.labels.size() ? schema.labels[label] : place;
}

std::string dimension_text(const Scene& scene, int64_t dim) {
  const auto& kl = scene.evaluation.kl_per_dimension;
  auto i = static_cast<size_t>(dim);
  return i < kl.size() ? fmt::format("KL {:.2f} nats", kl[i]) : "";
}

DecodeOptions drawn(const char* decode, int64_t seed) {
  DecodeOptions out;
  out.decode = decode;
  out.seed = seed;
  return out;
}

}  // namespace

Figure reconstruction_figure(const Scene& scene) {
  const int64_t columns = columns_of(scene);
  std::vector<int64_t> rows =
      spaced_rows(scene.data.size(), std::min(scene.data.size(), kBlocks * columns));
  Reconstruction mean = reconstruct(scene.run, scene.data, rows);
  Tensor draws = decode(scene.run, mean.z, drawn("sample", scene.run.config.seed));
  std::vector<Strip> strips;
  for (int64_t first = 0; first < mean.x.size(0); first += columns) {
    strips.push_back({"original", "", some(scene, mean.x, first, columns), first > 0});
    strips.push_back({"decoder mean", "", some(scene, mean.result, first, columns)});
    strips.push_back({"likelihood sample", "", some(scene, draws, first, columns)});
  }
  return {"reconstructions",
          fmt::format("Examples of the {} split, evenly spaced. Below each: the mean of p(x|z) at "
                      "the posterior's mean of z, and one draw from p(x|z).",
                      scene.split),
          picture_strips(strips)};
}

std::vector<Figure> sample_figures(const Scene& scene) {
  int64_t width = scene.run.trained.schema.shape[2];
  int64_t columns = grid_columns(std::min<int64_t>(width, 128), 64);
  SampleOptions options;
  options.count = columns * std::min<int64_t>(columns, 8);
  options.seed = scene.run.config.seed;
  Samples means = sample(scene.run, options);
  Tensor draws = decode(scene.run, means.z, drawn("sample", options.seed));
  return {{"samples_mean", "Decoder means: z drawn from the prior, shown is the mean of p(x|z).",
           "", picture_grid(means.x, range_of(scene), columns)},
          {"samples_drawn", "Likelihood samples: the same z, shown is a draw from p(x|z).", "",
           picture_grid(draws, range_of(scene), columns)}};
}

Figure interpolation_figure(const Scene& scene) {
  InterpolateOptions options;
  options.count = 6;
  options.steps = columns_of(scene) - 2;
  options.seed = scene.run.config.seed;
  Interpolation ways = interpolate(scene.run, scene.data, options);
  std::vector<Strip> strips;
  for (int64_t p = 0; p < ways.x.size(0); ++p) {
    auto i = static_cast<size_t>(p);
    Tensor row = at::cat({ways.x_from[p].unsqueeze(0), ways.x[p], ways.x_to[p].unsqueeze(0)});
    strips.push_back(
        {fmt::format("{} to {}", row_text(scene, ways.from[i]), row_text(scene, ways.to[i])), "",
         to_pictures(row, range_of(scene))});
  }
  StripOptions layout;
  layout.heads = {"original"};
  for (int64_t s = 0; s < options.steps; ++s) {
    layout.heads.push_back(fmt::format("{:.0f} %", 100.0 * double(s) / double(options.steps - 1)));
  }
  layout.heads.push_back("original");
  return {"interpolations",
          fmt::format("Straight ways through the latent space between pairs of the {} split, drawn "
                      "at random; decoder means between the originals.",
                      scene.split),
          picture_strips(strips, layout)};
}

Figure traversal_figure(const Scene& scene) {
  TraverseOptions options;
  options.count = 10;
  options.steps = columns_of(scene) / 2 * 2 - 1;  // odd, so that 0 is among them
  options.dims = dimensions_by_use(scene.evaluation);
  options.dims.resize(std::min<size_t>(options.dims.size(), size_t(options.count)));
  Traversal found = traverse(scene.run, scene.data, options);
  std::vector<Strip> strips;
  for (int64_t d = 0; d < found.x.size(0); ++d) {
    int64_t dim = found.dims[static_cast<size_t>(d)];
    strips.push_back({fmt::format("z{}", dim), dimension_text(scene, dim),
                      to_pictures(found.x[d], range_of(scene))});
  }
  StripOptions layout;
  for (double v : found.positions) layout.heads.push_back(fmt::format("{:+.1f}", v));
  layout.heads[static_cast<size_t>(options.steps / 2)] = "0";
  return {"traversals",
          fmt::format("The {} of largest KL, each moved from -3 to 3 while the "
                      "others stay at 0; decoder means.",
                      counted(static_cast<int64_t>(strips.size()), "latent dimension")),
          picture_strips(strips, layout)};
}

namespace {

/// n values along latent dimension d: quantiles of N(0, 1), or the middle of the data's means.
Tensor grid_values(const Scene& scene, int64_t n, int64_t d) {
  Tensor shares = (at::arange(n, at::kDouble) + 0.5) / static_cast<double>(n);
  if (scene.run.trained.model->is_variational()) return at::special_ndtri(shares).to(at::kFloat);
  Tensor means = scene.view.mean.select(1, d).to(at::kDouble);
  Tensor ends = at::quantile(means, at::tensor({0.02, 0.98}, at::kDouble));
  return (ends[0] + (ends[1] - ends[0]) * shares).to(at::kFloat);
}

}  // namespace

Figure manifold_figure(const Scene& scene) {
  int64_t width = std::min<int64_t>(scene.run.trained.schema.shape[2], 128);
  int64_t n = std::clamp<int64_t>(480 / width, 6, 20);
  Tensor across = grid_values(scene, n, 0), up = grid_values(scene, n, 1).flip(0);
  Tensor z = at::stack({across.unsqueeze(0).expand({n, n}), up.unsqueeze(1).expand({n, n})}, -1);
  bool variational = scene.run.trained.model->is_variational();
  return {
      "manifold",
      fmt::format("The latent plane decoded, z0 to the right and z1 upwards, {}: decoder means.",
                  variational ? "at even quantiles of the prior N(0, 1)"
                              : "evenly over the data's latents"),
      "", image_grid(to_pictures(decode(scene.run, z), range_of(scene)), n, 0)};
}

}  // namespace elbo
