// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/figures.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "elbo/tasks/history.h"

namespace elbo {
namespace {

constexpr size_t kMostGroups = 10;
constexpr int64_t kPointsShown = 1000;

struct Curve {
  const char *term, *title;
};
constexpr Curve kCurves[] = {{"neg_elbo", "-ELBO"}, {"recon", "reconstruction"}, {"kl", "KL"}};

void add_point(Series& series, const Tensor& points, int64_t i) {
  series.x.push_back(points[i][0].item<double>());
  series.y.push_back(points[i][1].item<double>());
}

std::vector<Series> groups_by_class(const Tensor& points, const Tensor& labels,
                                    const Schema& schema) {
  std::vector<int64_t> counts(schema.labels.size());
  for (int64_t i = 0; i < labels.size(0); ++i) ++counts.at(size_t(labels[i].item<int64_t>()));
  std::vector<size_t> order(counts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  if (order.size() > kMostGroups) {
    std::stable_sort(order.begin(), order.end(),
                     [&](auto a, auto b) { return counts[a] > counts[b]; });
    order.resize(kMostGroups - 1);
  }
  std::vector<Series> out;
  std::vector<size_t> group_of(counts.size(), order.size());
  for (size_t g = 0; g < order.size(); ++g) {
    group_of[order[g]] = g;
    out.push_back({schema.labels[order[g]], {}, {}});
  }
  if (order.size() < counts.size()) out.push_back({"others", {}, {}});
  for (int64_t i = 0; i < labels.size(0); ++i) {
    add_point(out[group_of[size_t(labels[i].item<int64_t>())]], points, i);
  }
  std::erase_if(out, [](const Series& s) { return s.x.empty(); });
  return out;
}

std::vector<Series> groups_by_fifth(const Tensor& points, const Tensor& target,
                                    const std::string& name) {
  Tensor order = target.to(at::kDouble).argsort(/*stable=*/true, 0, /*descending=*/false);
  int64_t n = target.size(0);
  std::vector<Series> out;
  for (int64_t g = 0; g < 5; ++g) {
    Series series{g == 0   ? fmt::format("{}: lowest fifth", name)
                  : g == 4 ? std::string("highest fifth")
                           : fmt::format("{}", g + 1),
                  {},
                  {}};
    for (int64_t k = g * n / 5; k < (g + 1) * n / 5; ++k) {
      add_point(series, points, order[k].item<int64_t>());
    }
    out.push_back(std::move(series));
  }
  return out;
}

}  // namespace

std::vector<Series> groups_by_label(const Tensor& points, const Tensor& labels,
                                    const Schema& schema) {
  if (labels.defined() && !labels.is_floating_point() && !schema.labels.empty()) {
    return groups_by_class(points, labels, schema);
  }
  if (labels.defined() && labels.is_floating_point() && labels.size(0) >= 25) {
    return groups_by_fifth(points, labels, schema.target);
  }
  Series all{schema.name, {}, {}};
  for (int64_t i = 0; i < points.size(0); ++i) add_point(all, points, i);
  return {all};
}

namespace {

/// The range of y from x on.
double spread_from(const std::vector<Series>& series, double x) {
  double lo = INFINITY, hi = -INFINITY;
  for (const Series& s : series) {
    for (size_t i = 0; i < s.x.size(); ++i) {
      if (s.x[i] < x || !std::isfinite(s.y[i])) continue;
      lo = std::min(lo, s.y[i]);
      hi = std::max(hi, s.y[i]);
    }
  }
  return hi - lo;
}

}  // namespace

double curve_start(const std::vector<Series>& series) {
  constexpr double kFall = 3;
  double last = 0;
  for (const Series& s : series) {
    if (!s.x.empty()) last = std::max(last, s.x.back());
  }
  double start = 1 + std::ceil(last / 10);
  if (last < 5 || !(spread_from(series, 0) > kFall * spread_from(series, start))) return 0;
  return start;
}

namespace {

Figure curve_figure(const Curve& curve, std::vector<Series> series, const std::string& more) {
  ChartOptions options;
  options.title = curve.title + more;
  options.x_label = "epoch";
  if (double start = curve_start(series); start > 0) {
    options.x_label = fmt::format("epoch, from {:.0f}: those before are off the scale", start);
    for (Series& s : series) {
      auto from = std::lower_bound(s.x.begin(), s.x.end(), start) - s.x.begin();
      s.x.erase(s.x.begin(), s.x.begin() + from);
      s.y.erase(s.y.begin(), s.y.begin() + from);
    }
  }
  options.y_label = "nats";
  options.width = 324;
  options.height = 250;
  return {fmt::format("curve_{}", curve.term), "", line_chart(series, options)};
}

}  // namespace

std::vector<Figure> curve_figures(const std::vector<Value>& history) {
  std::vector<Figure> out;
  for (const Curve& curve : kCurves) {
    std::vector<Series> series;
    for (const char* split : {"train", "valid", "test"}) {
      Series one = history_of(history, split, curve.term);
      if (!one.x.empty()) series.push_back(std::move(one));
    }
    if (!series.empty()) out.push_back(curve_figure(curve, series, ""));
  }
  return out;
}

std::vector<Figure> compared_curves(const std::vector<std::string>& names,
                                    const std::vector<std::vector<Value>>& histories) {
  std::vector<Figure> out;
  for (const Curve& curve : kCurves) {
    std::vector<Series> series;  // a run without the term has an empty one and keeps its colour
    bool any = false;
    for (size_t i = 0; i < names.size(); ++i) {
      Series one = history_of(histories[i], "valid", curve.term);
      if (one.x.empty()) one = history_of(histories[i], "test", curve.term);
      one.name = names[i];
      any = any || !one.x.empty();
      series.push_back(std::move(one));
    }
    if (any) out.push_back(curve_figure(curve, series, ", held out"));
  }
  return out;
}

Figure latent_figure(const Scene& scene) {
  const Schema& schema = scene.run.trained.schema;
  int64_t size = scene.view.mean.size(1);
  ChartOptions options;
  options.height = 460;
  options.equal_axes = true;
  std::string how;
  if (size > 2) {
    options.x_label = fmt::format("first principal component, {:.0f} % of the variance",
                                  100 * scene.view.explained[0]);
    options.y_label = fmt::format("second, {:.0f} %", 100 * scene.view.explained[1]);
    how = fmt::format(", the two directions of largest variance of {}", size);
  } else {
    options.x_label = "z0";
    options.y_label = size == 2 ? "z1" : "";
  }
  std::vector<Series> groups = groups_by_label(scene.view.points, scene.view.labels, schema);
  std::string colour =
      groups.size() > 1
          ? fmt::format(", coloured by {}", schema.target.empty() ? "label" : schema.target)
          : "";
  options.title = "posterior means";
  return {"latent_space",
          fmt::format("{} examples of the {} split at the mean of q(z|x){}{}.",
                      scene.view.mean.size(0), scene.split, how, colour),
          scatter_chart(groups, options)};
}

namespace {

const std::vector<double>& use_of_dimensions(const Evaluation& e) {
  return e.kl_per_dimension.empty() ? e.variance_of_mean : e.kl_per_dimension;
}

}  // namespace

std::vector<int64_t> dimensions_by_use(const Evaluation& evaluation) {
  const std::vector<double>& all = use_of_dimensions(evaluation);
  std::vector<int64_t> order(all.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return all[size_t(a)] > all[size_t(b)]; });
  return order;
}

Figure dimension_figure(const Scene& scene) {
  const Evaluation& e = scene.evaluation;
  bool has_kl = !e.kl_per_dimension.empty();
  const std::vector<double>& all = use_of_dimensions(e);
  std::vector<int64_t> order = dimensions_by_use(e);
  std::vector<std::string> names;
  std::vector<double> values;
  ChartOptions options;
  for (int64_t dim : order) {
    auto i = static_cast<size_t>(dim);
    names.push_back(fmt::format("z{}", i));
    values.push_back(all[i]);
    options.muted.push_back(!(e.variance_of_mean[i] > kActiveVariance));
  }
  auto active = std::count(options.muted.begin(), options.muted.end(), false);
  options.title = has_kl ? "KL by latent dimension" : "variance of the posterior mean by dimension";
  options.y_label = has_kl ? "nats" : "";
  options.height = scene.is_image() && all.size() == 2 ? 260 : 460;
  return {"dimensions",
          fmt::format("{} of {} dimensions are active: the variance of the posterior's mean over "
                      "the data is above {} (Burda et al. 2016). Inactive ones are grey.",
                      active, order.size(), kActiveVariance),
          bar_chart(names, values, options)};
}

namespace {

Figure two_clouds(const Scene& scene, const char* name, const char* title, const Tensor& x,
                  const Tensor& model, std::string caption) {
  std::vector<Series> series = {{fmt::format("{} data", scene.split), {}, {}}, {"model", {}, {}}};
  for (int64_t i = 0; i < x.size(0); ++i) add_point(series[0], x, i);
  for (int64_t i = 0; i < model.size(0); ++i) add_point(series[1], model, i);
  const std::vector<std::string>& columns = scene.run.trained.schema.columns;
  ChartOptions chart;
  chart.title = title;
  chart.x_label = columns.empty() ? "column 1" : columns[0];
  chart.y_label = columns.empty() ? "column 2" : columns[1];
  chart.height = 420;
  return {name, std::move(caption), scatter_chart(series, chart)};
}

}  // namespace

std::vector<Figure> table_scatter_figures(const Scene& scene) {
  std::vector<int64_t> rows = spaced_rows(scene.data.size(), kPointsShown);
  Reconstruction found = reconstruct(scene.run, scene.data, rows);
  if (found.mask.defined()) {
    Tensor whole = found.mask.amin(1).nonzero().squeeze(1);
    found.x = found.x.index_select(0, whole);
    found.result = found.result.index_select(0, whole);
  }
  SampleOptions options;
  options.count = static_cast<int64_t>(rows.size());
  options.decode = "sample";
  options.seed = scene.run.config.seed;
  Tensor drawn = sample(scene.run, options).x;
  int64_t n = found.x.size(0);
  return {
      two_clouds(scene, "samples", "data and draws from the model", found.x, drawn,
                 fmt::format("{} examples of the {} split and {} draws from the model: z from "
                             "the prior, x from p(x|z).",
                             n, scene.split, drawn.size(0))),
      two_clouds(scene, "reconstructions", "data and reconstructions", found.x, found.result,
                 fmt::format("The same {} examples and the mean of p(x|z) for each: the curve or "
                             "surface on which the decoder puts the data.",
                             n))};
}

}  // namespace elbo
