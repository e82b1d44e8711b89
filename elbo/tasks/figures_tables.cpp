// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "elbo/tasks/tables.h"

namespace elbo {
namespace {

constexpr int64_t kMarginals = 12, kCorrelated = 60;
constexpr size_t kBins = 20, kPairsNamed = 3;
constexpr double kTail = 0.005;  // of the data at each end

/// Edges half-way between the distinct values.
std::vector<double> edges_between(const std::vector<double>& distinct) {
  std::vector<double> out;
  for (size_t i = 1; i < distinct.size(); ++i) out.push_back((distinct[i - 1] + distinct[i]) / 2);
  double first = distinct.size() > 1 ? distinct[1] - distinct[0] : 1;
  double last = distinct.size() > 1 ? distinct.back() - distinct[distinct.size() - 2] : 1;
  out.insert(out.begin(), distinct[0] - first / 2);
  out.push_back(distinct.back() + last / 2);
  return out;
}

/// kBins of equal width over all but the tails.
std::vector<double> even_edges(const std::vector<double>& sorted) {
  auto at = [&](double share) {
    return sorted[static_cast<size_t>(share * static_cast<double>(sorted.size() - 1))];
  };
  double lo = at(kTail), hi = at(1 - kTail);
  if (lo == hi) lo = sorted.front(), hi = sorted.back();
  std::vector<double> out;
  for (size_t i = 0; i <= kBins; ++i) {
    out.push_back(lo + (hi - lo) * static_cast<double>(i) / static_cast<double>(kBins));
  }
  return out;
}

std::vector<double> shares_of(const std::vector<double>& values, const std::vector<double>& edges) {
  std::vector<double> out(edges.size() - 1);
  for (double v : values) {
    auto above = std::upper_bound(edges.begin() + 1, edges.end() - 1, v);
    out[static_cast<size_t>(above - edges.begin()) - 1] += 1 / static_cast<double>(values.size());
  }
  return out;
}

/// A bin as a level line from edge to edge.
Series steps_of(std::string name, const std::vector<double>& edges,
                const std::vector<double>& shares) {
  Series out{std::move(name), {edges[0]}, {0}};
  for (size_t i = 0; i < shares.size(); ++i) {
    out.x.insert(out.x.end(), {edges[i], edges[i + 1]});
    out.y.insert(out.y.end(), {shares[i], shares[i]});
  }
  out.x.push_back(edges.back());
  out.y.push_back(0);
  return out;
}

/// "a and b 0.91 (model 0.42)".
std::string pair_text(const Schema& schema, const Tensor& data, const Tensor& model, int64_t i,
                      int64_t j) {
  return fmt::format("{} and {} {:.2f} (model {:.2f})", column_name(schema, i),
                     column_name(schema, j), data[i][j].item<double>(), model[i][j].item<double>());
}

}  // namespace

Histogram histogram_of(std::vector<double> data, const std::vector<double>& model) {
  Histogram out;
  if (data.empty()) return out;
  std::sort(data.begin(), data.end());
  std::vector<double> distinct = data;
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  out.edges = distinct.size() <= kBins ? edges_between(distinct) : even_edges(data);
  out.data = shares_of(data, out.edges);
  out.model = shares_of(model, out.edges);
  return out;
}

Tensor correlations(const Tensor& x, const Tensor& mask) {
  Tensor m = mask.defined() ? mask.to(at::kDouble) : at::ones_like(x, at::kDouble);
  Tensor values = at::where(m > 0, x.to(at::kDouble), at::zeros({}, at::kDouble));
  // About its own mean first, so that large values do not cancel.
  Tensor off = (values - values.sum(0) / m.sum(0).clamp_min(1)) * m;
  Tensor both = m.t().mm(m), sums = off.t().mm(m);  // of column i where j is observed
  Tensor squares = off.square().t().mm(m) - sums.square() / both;
  Tensor products = off.t().mm(off) - sums * sums.t() / both;
  Tensor scale = (squares * squares.t()).sqrt();
  Tensor out = products / scale;
  return out.masked_fill(squares.logical_or(squares.t()).logical_not(), NAN).clamp(-1, 1);
}

std::vector<Figure> marginal_figures(const Schema& schema, const DataAndDraws& both) {
  std::vector<Figure> out;
  for (int64_t c = 0; c < std::min(schema.size(), kMarginals); ++c) {
    Histogram found = histogram_of(both.data_column(c), both.drawn_column(c));
    if (found.edges.empty()) continue;
    ChartOptions chart;
    chart.title = column_name(schema, c);
    chart.y_label = "share";
    chart.width = 324;
    chart.height = 200;
    out.push_back({fmt::format("marginal_{}", c + 1), "",
                   line_chart({steps_of("data", found.edges, found.data),
                               steps_of("model", found.edges, found.model)},
                              chart)});
  }
  return out;
}

std::vector<Figure> correlation_figures(const Schema& schema, const DataAndDraws& both) {
  const int64_t columns = std::min(schema.size(), kCorrelated);
  Tensor of_data = correlations(both.data.narrow(1, 0, columns),
                                both.mask.defined() ? both.mask.narrow(1, 0, columns) : Tensor());
  Tensor of_model = correlations(both.drawn.narrow(1, 0, columns), {});
  Series pairs{"pairs of columns", {}, {}};
  std::vector<std::pair<double, std::string>> gaps;
  for (int64_t i = 0; i < columns; ++i) {
    for (int64_t j = i + 1; j < columns; ++j) {
      double d = of_data[i][j].item<double>(), m = of_model[i][j].item<double>();
      if (!std::isfinite(d) || !std::isfinite(m)) continue;
      pairs.x.push_back(d);
      pairs.y.push_back(m);
      gaps.emplace_back(std::abs(d - m), pair_text(schema, of_data, of_model, i, j));
    }
  }
  if (gaps.empty()) return {};
  std::stable_sort(gaps.begin(), gaps.end(), [](auto& a, auto& b) { return a.first > b.first; });
  double sum = 0;
  std::vector<std::string> named;
  for (const auto& [gap, text] : gaps) {
    sum += gap;
    if (named.size() < kPairsNamed) named.push_back(text);
  }
  ChartOptions chart;
  chart.title = "correlations of columns";
  chart.x_label = "in the data";
  chart.y_label = "in draws from the model";
  chart.height = 420;
  chart.equal_axes = true;
  return {{"correlations",
           fmt::format("Each point is a pair of {}columns: on the diagonal where the model keeps "
                       "their correlation. Mean difference {:.2g}; the largest: {}.",
                       columns < schema.size() ? fmt::format("the first {} ", columns) : "",
                       sum / static_cast<double>(gaps.size()), fmt::join(named, "; ")),
           scatter_chart({pairs}, chart)}};
}

}  // namespace elbo
