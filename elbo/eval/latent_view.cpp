// SPDX-License-Identifier: Apache-2.0
#include "elbo/eval/latent_view.h"

#include <algorithm>
#include <numeric>

#include "elbo/eval/moments.h"
#include "elbo/eval/prepare.h"

namespace elbo {
namespace {

constexpr int64_t kBatch = 512;

/// KL of each latent dimension, [B, Z]; undefined where some group has none.
Tensor kl_of_dimensions(Model& model, const Batch& batch, Rng& rng) {
  if (!model.is_variational()) return {};
  std::vector<Tensor> groups;
  for (const Latent& latent : model.pass(batch, rng, {.marginals = true}).latents) {
    if (!latent.kl_per_dimension.defined()) return {};
    groups.push_back(latent.kl_per_dimension);
  }
  return at::cat(groups, -1);
}

std::vector<int64_t> largest_first(const Tensor& values) {
  Tensor order = values.argsort(/*stable=*/true, 0, /*descending=*/true);
  return {order.data_ptr<int64_t>(), order.data_ptr<int64_t>() + order.numel()};
}

std::array<double, 2> shares(const Tensor& variances, const Tensor& total) {
  double sum = total.item<double>();
  if (!(sum > 0)) return {0, 0};
  return {variances[0].item<double>() / sum, variances[1].item<double>() / sum};
}

void project(LatentView& view) {
  if (view.mean.size(1) > 2) {
    Plane plane = principal_plane(view.mean);
    view.points = plane.points.to(at::kFloat);
    view.explained = plane.explained;
    return;
  }
  view.points = view.mean;
  if (view.mean.size(1) == 1) view.points = at::cat({view.mean, at::zeros_like(view.mean)}, 1);
  Tensor variances = view.points.to(at::kDouble).var(0, /*unbiased=*/false);
  view.explained = shares(variances, variances.sum());
}

}  // namespace

Plane principal_plane(const Tensor& x) {
  Tensor centred = x.to(at::kDouble);
  centred = centred - centred.mean(0);
  Tensor covariance = at::matmul(centred.t(), centred) / static_cast<double>(x.size(0));
  auto [values, vectors] = at::linalg_eigh(covariance);  // ascending
  values = values.flip(0).clamp_min(0);
  Tensor loadings = vectors.flip(1).narrow(1, 0, 2);
  Tensor largest = loadings.gather(0, loadings.abs().argmax(0, /*keepdim=*/true));  // [1, 2]
  loadings = loadings * largest.sign();
  return {at::matmul(centred, loadings), loadings, shares(values, values.sum())};
}

LatentView view_latents(Model& model, const Pipeline& pipeline, const Dataset& data,
                        int64_t max_points) {
  ELBO_CHECK(data.size() > 0, Code::data, "no latents to view: the data set is empty");
  EvalMode mode(model);
  LatentView view;
  view.rows = spaced_rows(data.size(), max_points);
  Rng rng(0, "eval/latents");
  std::vector<Tensor> means, labels;
  Moments kl;
  for_each_prepared(model, pipeline, data, view.rows, kBatch, [&](const Batch& batch) {
    means.push_back(posterior_mean(model.encode(batch, rng)).to(at::kCPU, at::kFloat));
    if (batch.y.defined()) labels.push_back(batch.y.to(at::kCPU));
    Tensor each = kl_of_dimensions(model, batch, rng);
    if (each.defined()) kl.add(each);
  });
  view.mean = at::cat(means);
  if (!labels.empty()) view.labels = at::cat(labels);
  view.order =
      largest_first(kl.count() ? kl.mean() : view.mean.to(at::kDouble).var(0, /*unbiased=*/false));
  project(view);
  return view;
}

}  // namespace elbo
