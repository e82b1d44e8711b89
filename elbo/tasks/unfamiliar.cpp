// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/unfamiliar.h"

#include <algorithm>
#include <optional>

#include "elbo/core/metric.h"
#include "elbo/tasks/tables.h"

namespace elbo {
namespace {

constexpr double kDeviations = 8;

/// Where the values of each column may lie without being named, [D] f64.
struct Bounds {
  Tensor lo, hi;
};

/// From what the transforms learned: their inverses at 0 and 1 are mean and mean + sd, or the ends
/// of the training range. Nothing where neither transform is there.
std::optional<Bounds> bounds_of(const TrainedModel& trained) {
  const std::vector<Part>& parts = trained.pipeline->parts();
  auto has = [&](const char* type) {
    return std::any_of(parts.begin(), parts.end(), [&](auto& p) { return p.type == type; });
  };
  if (trained.schema.kind != "table" || (!has("standardise") && !has("min-max"))) return {};
  at::NoGradGuard no_grad;
  auto inverse = [&](const Tensor& x) { return trained.pipeline->invert(x)[0].to(at::kDouble); };
  Tensor zero = inverse(at::zeros({1, trained.schema.size()}));
  Tensor step = inverse(at::ones({1, trained.schema.size()})) - zero;
  return has("standardise") ? Bounds{zero - kDeviations * step, zero + kDeviations * step}
                            : Bounds{zero - step, zero + 2 * step};
}

/// The values of one column beyond its bounds.
struct Beyond {
  int64_t count = 0, row = 0;  ///< row: of the farthest, its number in the file
  double farthest = 0, distance = 0;
};

std::vector<Beyond> values_beyond(const Dataset& data, const Bounds& bounds) {
  std::vector<Beyond> out(static_cast<size_t>(data.schema().size()));
  Tensor width = (bounds.hi - bounds.lo).clamp_min(1e-300);
  for_each_batch(data, rows_at_once(data.schema(), 4096), [&](const Batch& batch) {
    Tensor x = batch.x.to(at::kDouble);
    Tensor over = at::maximum(bounds.lo - x, x - bounds.hi).clamp_min(0);  // [B, D]
    if (batch.mask.defined()) over = over * batch.mask;
    Tensor count = (over > 0).sum(0);
    auto [farthest, place] = (over / width).max(0);
    for (int64_t c = 0; c < x.size(1); ++c) {
      Beyond& column = out[static_cast<size_t>(c)];
      column.count += count[c].item<int64_t>();
      if (farthest[c].item<double>() <= column.distance) continue;
      int64_t at = place[c].item<int64_t>();
      column.distance = farthest[c].item<double>();
      column.farthest = x[at][c].item<double>();
      column.row = batch.index[at].item<int64_t>() + 1;
    }
  });
  return out;
}

int64_t missing_cells(const Dataset& data) {
  int64_t out = 0;
  for_each_batch(data, rows_at_once(data.schema(), 4096), [&](const Batch& batch) {
    if (batch.mask.defined()) out += (batch.mask == 0).sum().item<int64_t>();
  });
  return out;
}

/// Whether run.json says that no cell was missing in training.
bool had_none_missing(const Path& folder) {
  Path described = folder / "run.json";
  if (!std::filesystem::exists(described)) return false;
  Value run = parse_json(read_text(described), described.string());
  const Value* has_missing = run.find_path("data.has_missing");
  return has_missing && has_missing->is_bool() && !has_missing->as_bool();
}

}  // namespace

std::vector<std::string> unfamiliar(const Run& run, const Dataset& rows) {
  std::vector<std::string> out;
  const std::vector<std::string>& known = run.trained.schema.labels;
  std::vector<std::string> strange;
  for (const std::string& label : rows.schema().labels) {
    if (std::find(known.begin(), known.end(), label) == known.end()) strange.push_back(label);
  }
  if (!known.empty() && !strange.empty()) {
    out.push_back(fmt::format("classes that the run did not see: {}", fmt::join(strange, ", ")));
  }
  if (had_none_missing(run.folder)) {
    if (int64_t missing = missing_cells(rows)) {
      out.push_back(
          fmt::format("{} missing; in training none was, and the model has not learned to "
                      "do without",
                      missing == 1 ? "1 cell is" : with_commas(missing) + " cells are"));
    }
  }
  std::optional<Bounds> bounds = bounds_of(run.trained);
  if (!bounds) return out;
  std::vector<Beyond> beyond = values_beyond(rows, *bounds);
  for (size_t c = 0; c < beyond.size(); ++c) {
    if (beyond[c].count == 0) continue;
    out.push_back(
        fmt::format("column '{}': {} far outside those trained on, {:g} in row {} the "
                    "farthest",
                    column_name(run.trained.schema, static_cast<int64_t>(c)),
                    counted(beyond[c].count, "value"), beyond[c].farthest, beyond[c].row));
  }
  return out;
}

}  // namespace elbo
