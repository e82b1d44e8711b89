// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/checkpoint.h"

namespace elbo {

void write_checkpoint(const Path& folder, const TrainedModel& model, const Checkpoint& checkpoint,
                      uint64_t seed) {
  Value state;
  state["seed"] = static_cast<int64_t>(seed);
  state["progress"] = checkpoint.progress.to_value();
  NamedTensors tensors = checkpoint.engine;
  for (const auto& [name, t] : checkpoint.ema) tensors.emplace_back("ema." + name, t);
  for (const auto& [name, t] : checkpoint.best) tensors.emplace_back("best." + name, t);
  if (!checkpoint.start_rows.empty()) {
    tensors.emplace_back("start_rows", at::tensor(checkpoint.start_rows, at::kDouble));
  }
  replace_folder(folder, [&](const Path& p) {
    write_model(p, model);
    write_sealed(p, "state", state, tensors);
  });
}

Checkpoint read_checkpoint(const Path& folder, uint64_t seed) {
  std::string where = (folder / "state.json").string();
  Sealed state = read_sealed(folder, "state");
  Checkpoint out;
  try {
    ELBO_CHECK(state.description.at("seed").as_integer() == static_cast<int64_t>(seed), Code::model,
               "made with seed {}, the run has seed {}", state.description.at("seed").as_integer(),
               seed);
    out.progress = Progress::from_value(state.description.at("progress"));
  } catch (const Error& e) {
    fail(Code::model, "{}: {}", where, e.message());
  }
  for (auto& [name, t] : state.tensors) {
    if (name.starts_with("ema.")) {
      out.ema.emplace_back(name.substr(4), t);
    } else if (name.starts_with("best.")) {
      out.best.emplace_back(name.substr(5), t);
    } else if (name == "start_rows") {
      Tensor rows = t.to(at::kDouble).contiguous().flatten();
      out.start_rows.assign(rows.data_ptr<double>(), rows.data_ptr<double>() + rows.numel());
    } else {
      out.engine.emplace_back(name, t);
    }
  }
  return out;
}

}  // namespace elbo
