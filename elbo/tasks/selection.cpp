// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/selection.h"

#include <algorithm>
#include <unordered_map>

#include "elbo/core/metric.h"
#include "elbo/tasks/unfamiliar.h"

namespace elbo {

namespace {

/// For each row of the whole source, the split it belongs to.
std::vector<uint8_t> parts_of(const DataSource& data) {
  std::vector<uint8_t> out(static_cast<size_t>(data.all->size()), 3);
  const DatasetPtr splits[] = {data.train, data.valid, data.test};
  for (uint8_t part = 0; part < 3; ++part) {
    if (!splits[part]) continue;
    // A test set of the source's own stands behind the others, its rows counted anew.
    bool is_own = part == 2 && data.has_own_test;
    int64_t first = is_own ? data.all->size() - splits[part]->size() : 0;
    for (int64_t row = 0; row < splits[part]->size(); ++row) {
      out[static_cast<size_t>(first + splits[part]->source_row(row))] = part;
    }
  }
  return out;
}

std::string rows_text(int64_t n, const std::string& split, const std::string& name) {
  return fmt::format("{} of {}", counted(n, split.empty() ? "row" : split + " row"), name);
}

Selection chosen_rows(const Run& run, const DataSource& data, const std::string& file,
                      const std::string& split) {
  const bool is_own = is_own_data(run, file);
  Selection out;
  out.schema = data.schema;
  out.id_name = data.id_name;
  out.split = split != "auto" ? split : file.empty() ? "held-out" : "all";
  out.is_whole = !file.empty() && out.split == "all";
  const std::string& name = data.schema.name;
  if (out.split == "all") {
    out.data = data.all;
    out.text = out.name = rows_text(out.data->size(), "", name);
    if (is_own) {
      out.text += fmt::format("; {} of them were trained on", with_commas(data.train->size()));
    }
    out.parts = parts_of(data);
    bool are_one = std::all_of(out.parts.begin(), out.parts.end(),
                               [&](uint8_t part) { return part == out.parts[0]; });
    if (are_one) out.parts.clear();
    return out;
  }
  if (out.split == "held-out") {
    out.data = held_out_split(data, out.split);
  } else {
    out.data = out.split == "train" ? data.train : out.split == "valid" ? data.valid : data.test;
  }
  ELBO_CHECK(out.data, Code::data, "{} has no {} split", name, out.split);
  bool is_plain = !is_own && out.split == "train";  // the run was not trained on these
  out.text = out.name = rows_text(out.data->size(), is_plain ? "" : out.split, name);
  return out;
}

}  // namespace

Selection select_rows(const Run& run, const std::string& file, const std::string& split) {
  ELBO_CHECK(!file.empty() || !run.config.data.path.empty(), Code::usage,
             "{} does not say what it was trained on\nName the data after it.",
             run.folder.string());
  DataSource data = open_for(run, file);
  Selection out = chosen_rows(run, data, file, split);
  if (is_own_data(run, file)) return out;  // what was said of it in training
  out.notes = data.notes;
  for (std::string& line : unfamiliar(run, *out.data)) out.notes.push_back(std::move(line));
  return out;
}

std::vector<int64_t> Selection::numbers(std::span<const int64_t> rows) const {
  std::vector<int64_t> out;
  for (int64_t row : rows) out.push_back(data->source_row(row) + 1);
  return out;
}

std::vector<int64_t> Selection::places(std::span<const int64_t> numbers, const char* option) const {
  std::unordered_map<int64_t, int64_t> place_of;
  for (int64_t place = 0; place < data->size(); ++place) {
    place_of.emplace(data->source_row(place) + 1, place);
  }
  std::vector<int64_t> out;
  for (int64_t number : numbers) {
    auto it = place_of.find(number);
    ELBO_CHECK(
        it != place_of.end(), Code::usage,
        "{}: row {} is not among {}\nRows are numbered as in the file, from 1; `elbo encode` "
        "writes these numbers.",
        option, number, name);
    out.push_back(it->second);
  }
  return out;
}

std::vector<TextColumn> Selection::keys(std::span<const int64_t> rows, const Tensor& y) const {
  std::vector<TextColumn> out = {{"row", {}}};
  for (int64_t number : numbers(rows)) out[0].cells.push_back(std::to_string(number));
  if (std::vector<std::string> ids = data->ids(rows); !ids.empty()) {
    out.push_back({id_name.empty() ? "id" : id_name, std::move(ids)});
  }
  if (!parts.empty()) {
    TextColumn split{"split", {}};
    for (int64_t row : rows) split.cells.push_back(kSplits[parts.at(static_cast<size_t>(row))]);
    out.push_back(std::move(split));
  }
  if (y.defined()) {
    TextColumn label{schema.target.empty() ? "label" : schema.target, {}};
    for (int64_t i = 0; i < y.size(0); ++i) {
      label.cells.push_back(y.is_floating_point()
                                ? fmt::format("{}", y[i].item<float>())
                                : schema.labels.at(static_cast<size_t>(y[i].item<int64_t>())));
    }
    out.push_back(std::move(label));
  }
  return out;
}

}  // namespace elbo
