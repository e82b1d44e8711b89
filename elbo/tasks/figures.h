// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "elbo/eval/latent_view.h"
#include "elbo/report/chart.h"
#include "elbo/tasks/latent.h"

namespace elbo {

/// A picture for a report and for plots/: a chart or an image.
struct Figure {
  std::string name;     ///< the stem of its file
  std::string caption;  ///< says what is seen
  std::string svg;
  Array image{DType::u8, {}, {}};  ///< where there is no svg
};

/// What is shown of a run: its model on a split of the data.
struct Scene {
  const Run& run;
  const Dataset& data;
  std::string split;  ///< "test"
  const Evaluation& evaluation;
  LatentView view;
  bool is_image() const { return run.trained.schema.kind == "image"; }
};

/// The epoch from which curves are drawn: 0, for all of them, or the first after a tenth where the
/// epochs before make the range of y more than three times as large. Fewer than five stay.
double curve_start(const std::vector<Series>& series);
/// Reconstruction, KL and -ELBO by epoch, training and held-out; empty without a history.
std::vector<Figure> curve_figures(const std::vector<Value>& history);
/// The same of several runs on their held-out data, a line each.
std::vector<Figure> compared_curves(const std::vector<std::string>& names,
                                    const std::vector<std::vector<Value>>& histories);

/// Images: some examples, the decoder's means and draws from the likelihood under each other.
Figure reconstruction_figure(const Scene& scene);
/// Images: what draws from the prior decode to, as means and as draws from the likelihood.
std::vector<Figure> sample_figures(const Scene& scene);
/// Images: ways between examples of different labels.
Figure interpolation_figure(const Scene& scene);
/// Images: the dimensions of largest KL moved from -3 to 3.
Figure traversal_figure(const Scene& scene);
/// Images and two latent dimensions: what a grid of latents decodes to. The grid lies at the
/// quantiles of N(0, 1), or for an autoencoder over the means of the data.
Figure manifold_figure(const Scene& scene);

/// Latent dimensions, the largest KL (without one, variance of the mean) first.
std::vector<int64_t> dimensions_by_use(const Evaluation& evaluation);

/// Posterior means in two dimensions, coloured by label.
Figure latent_figure(const Scene& scene);
/// KL by dimension, the largest first, inactive ones in grey. Without a KL the variance of the
/// mean.
Figure dimension_figure(const Scene& scene);

/// Tables of two columns: data with draws from the model, and with its reconstructions.
std::vector<Figure> table_scatter_figures(const Scene& scene);

/// Points in groups by label: up to ten classes, most frequent first, then the others; or fifths of
/// a target. One group without labels. points [N, 2].
std::vector<Series> groups_by_label(const Tensor& points, const Tensor& labels,
                                    const Schema& schema);

}  // namespace elbo
