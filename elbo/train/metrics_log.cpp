// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/metrics_log.h"

namespace elbo {

Value EpochRecord::to_value() const {
  Value out = Value::table();
  out["epoch"] = epoch;
  out["split"] = split;
  out["epoch_seconds"] = seconds;
  out["examples_per_second"] = examples_per_second;
  if (share_of_peak > 0) out["share_of_peak"] = share_of_peak;
  for (const auto& [name, value] : terms) out[name] = value;
  return out;
}

namespace {

/// The lines of the first epochs; a last line without its end was cut short by a kill.
std::string lines_up_to(const Path& path, int64_t epochs) {
  std::string text = read_text(path), kept;
  for (size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    std::string line = text.substr(begin, end - begin);
    Value value = parse_json(line, path.string());
    if (value.at("epoch").as_integer() <= epochs) kept += line + "\n";
  }
  return kept;
}

}  // namespace

MetricsLog::MetricsLog(const Path& folder, int64_t epochs_done, bool tensorboard) {
  Path path = folder / "metrics.jsonl";
  if (std::filesystem::exists(path)) write_file(path, lines_up_to(path, epochs_done));
  lines_ = std::make_unique<LineWriter>(path);
  if (tensorboard) events_ = std::make_unique<TensorBoardWriter>(folder);
}

void MetricsLog::add(const EpochRecord& record) {
  lines_->line(to_json(record.to_value()));
  if (!events_) return;
  for (const auto& [name, value] : record.terms) {
    events_->scalar(record.split + "/" + name, value, record.epoch);
  }
}

}  // namespace elbo
