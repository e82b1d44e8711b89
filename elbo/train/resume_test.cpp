// SPDX-License-Identifier: Apache-2.0
#include "elbo/tensor/testing.h"
#include "elbo/train/checkpoint.h"
#include "elbo/train/damage.h"
#include "elbo/train/testing.h"

namespace elbo {
namespace {

using namespace elbo::testing;

/// What all a run leaves behind but the clock.
struct Outcome {
  std::vector<std::string> metrics;
  std::map<std::string, std::string> files;
  bool operator==(const Outcome&) const = default;
};

Outcome outcome_of(const Path& folder) {
  Outcome out{timeless_metrics(folder), {}};
  for (const char* name : {"best/model.json", "best/model.safetensors", "last/model.json",
                           "last/model.safetensors", "last/state.safetensors"}) {
    out.files[name] = sha256(read_text(folder / name));
  }
  return out;
}

struct Setup {
  const char* name;
  Part optimizer;
  Part network;
  double ema = 0, clip = 0;
  int64_t patience = 0;
  Part schedule = "constant";
  std::string precision = "auto";
  int threads = 1;
};

TrainOptions options_of(const Setup& setup) {
  TrainOptions out = small_options();
  out.epochs = 4;
  out.optimizer = setup.optimizer;
  out.ema = setup.ema;
  out.clip = setup.clip;
  out.patience = setup.patience;
  out.lr_schedule = setup.schedule;
  out.precision = setup.precision;
  return out;
}

Part convolutions() {
  Part out = part_with("conv", "channels", Value::list<int64_t>({5, 6}));
  out.options["dense"] = Value::list<int64_t>({8});
  out.options["norm"] = "batch";
  out.options["dropout"] = 0.2;
  return out;
}

const std::vector<Setup>& setups() {
  static const std::vector<Setup> all = {
      {"plain", "adam", small_network()},
      {"sgd", part_with("sgd", "momentum", 0.9), small_network(0.2), 0.9},
      {"rmsprop", part_with("rmsprop", "momentum", 0.5), small_network(0, "batch"), 0, 0.5, 2},
      {"adamw", "adamw", small_network(0.3, "batch"), 0.8, 1, 1, "cosine"},
      {"bf16", "adam", small_network(0.2), 0, 0, 0, "constant", "bf16"},
      {"images", "adam", convolutions(), 0.9, 0, 0, "constant", "auto", 2},
  };
  return all;
}

TrainContext run_of(const Setup& setup, const Path& folder) {
  DataSource data = setup.network.type == "conv" ? small_images() : small_table();
  TrainContext out = small_run(folder, options_of(setup), setup.network, data);
  at::set_num_threads(setup.threads);
  return out;
}

class Resume : public FolderTest, public ::testing::WithParamInterface<Setup> {
 protected:
  Outcome uninterrupted() {
    TrainContext context = run_of(GetParam(), folder / "whole");
    train(context, false);
    return outcome_of(folder / "whole");
  }

  /// Trains in lives that each end after the next number of steps, then to the end.
  Outcome interrupted(const std::string& name, const std::vector<int64_t>& lives) {
    bool resume = false;
    for (size_t life = 0;; ++life) {
      TrainContext context = run_of(GetParam(), folder / name);
      Recorder recorder;
      recorder.stop_after = life < lives.size() ? lives[life] : -1;
      watch(context, recorder);
      if (train(context, resume) != Ending::stopped) return outcome_of(folder / name);
      resume = true;
    }
  }
};

std::string life_text(const std::vector<int64_t>& lives) { return to_json(Value::list(lives)); }

TEST_P(Resume, EqualsUninterruptedBitForBit) {
  Rng rng(test_seed(), "lives");
  SCOPED_TRACE(seed_text());
  Outcome whole = uninterrupted();
  for (int run = 0; run < 6; ++run) {
    std::vector<int64_t> lives;
    for (int64_t done = 0; done < 20; done += lives.back()) {
      lives.push_back(1 + static_cast<int64_t>(rng.below(9)));
    }
    Outcome resumed = interrupted(fmt::format("run{}", run), lives);
    EXPECT_EQ(resumed.metrics, whole.metrics) << life_text(lives);
    EXPECT_EQ(resumed.files, whole.files) << life_text(lives);
  }
}

TEST_P(Resume, EqualsUninterruptedWhateverTheStep) {
  Outcome whole = uninterrupted();
  for (int64_t step = 1; step <= 20; step += 3) {
    EXPECT_TRUE(interrupted(fmt::format("run{}", step), {step}) == whole) << "stopped at " << step;
  }
}

TEST_P(Resume, AFinishedRunStaysAsItIs) {
  Outcome whole = uninterrupted();
  TrainContext context = run_of(GetParam(), folder / "whole");
  EXPECT_NE(train(context, true), Ending::stopped);
  EXPECT_TRUE(outcome_of(folder / "whole") == whole);
}

TEST_P(Resume, DependsOnNothingButTheSeed) {
  Outcome whole = uninterrupted();
  EXPECT_TRUE(interrupted("again", {}) == whole);
  TrainContext context = run_of(GetParam(), folder / "other");
  context.seed = 4;
  train(context, false);
  EXPECT_FALSE(outcome_of(folder / "other").files == whole.files);
}

INSTANTIATE_TEST_SUITE_P(, Resume, ::testing::ValuesIn(setups()),
                         [](const auto& info) { return std::string(info.param.name); });

class Checkpoints : public FolderTest {
 protected:
  Checkpoints() {
    TrainContext context = small_run(folder, options());
    Recorder recorder;
    recorder.stop_after = 8;
    watch(context, recorder);
    train(context, false);
    json = read_text(last / "state.json");
    tensors = read_file(last / "state.safetensors");
  }
  static TrainOptions options() {
    TrainOptions out = small_options();
    out.ema = 0.9;
    return out;
  }
  void expect_refused(std::string_view json_text, std::span<const std::byte> tensor_bytes) {
    put(last / "state.json", as_bytes(json_text));
    put(last / "state.safetensors", tensor_bytes);
    TrainContext context = small_run(folder, options());
    expect_model_error(last, [&] { train(context, true); });
    EXPECT_EQ(read_text(last / "state.json"), json_text);  // a refused checkpoint is left alone
  }

  Path last = folder / "last";
  std::string json;
  Bytes tensors;
};

TEST_F(Checkpoints, WrittenAgainAreTheSameBytes) {
  Checkpoint checkpoint = read_checkpoint(last, 3);
  write_checkpoint(folder / "again", read_model(last), checkpoint, 3);
  EXPECT_EQ(read_text(folder / "again" / "state.json"), json);
  EXPECT_EQ(read_file(folder / "again" / "state.safetensors"), tensors);
}

TEST_F(Checkpoints, EveryFlippedBitOrTruncationIsRefused) {
  Rng rng(test_seed(), "state");
  SCOPED_TRACE(seed_text());
  for (int i = 0; i < 250; ++i) {
    Bytes text(as_bytes(json).begin(), as_bytes(json).end()), bytes = tensors;
    SCOPED_TRACE(i < 200 ? flip_one_bit(text, bytes, rng) : truncate_one(text, bytes, rng));
    expect_refused(as_text(text), bytes);
    if (HasFailure()) return;
  }
}

TEST_F(Checkpoints, EveryEditedHeaderIsRefusedThoughItsChecksumsAgree) {
  Rng rng(test_seed(), "state headers");
  SCOPED_TRACE(seed_text());
  for (int i = 0; i < 50; ++i) {
    std::string header = to_json(edit_header(header_of(tensors), rng));
    SCOPED_TRACE(header);
    Bytes bytes = with_header(tensors, header);
    expect_refused(resealed(parse_json(json, "json"), bytes), bytes);
    if (HasFailure()) return;
  }
}

TEST_F(Checkpoints, EveryEditedProgressIsRefusedThoughItsChecksumAgrees) {
  const std::pair<const char*, const char*> edits[] = {
      {"seed", "4"},
      {"format", "\"elbo model\""},
      {"version", "2"},
      {"progress", "null"},
      {"progress.epoch", "-1"},
      {"progress.step_in_epoch", "-3"},
      {"progress.step_in_epoch", "\"3\""},
      {"progress.step", "1.5"},
      {"progress.batch", "0"},
      {"progress.skipped", "-1"},
      {"progress.bad_in_a_row", "-1"},
      {"progress.best_epoch", "100"},
      {"progress.epoch_seconds", "-1"},
      {"progress.epoch_seconds", "null"},
      {"progress.lr_factor", "0"},
      {"progress.lr_factor", "null"},
      {"progress.lr_factor", "7"},
      {"progress.rolled_back", "0"},
      {"progress.sums", "[]"},
      {"progress.sums.examples", "-1"},
  };
  for (const auto& [path, text] : edits) {
    SCOPED_TRACE(path);
    Value edited = parse_json(json, "json");
    edited.set_path(path, parse_json(text, "edit"));
    expect_refused(resealed(edited, tensors), tensors);
  }
}

TEST(Progress, ComesBackAsItWas) {
  Progress p;
  p.epoch = 7, p.step_in_epoch = 2, p.batch = 9, p.step = 31, p.skipped = 5, p.bad_in_a_row = 3;
  p.rolled_back = true, p.lr_factor = 0.3, p.best = 1.5, p.best_epoch = 6, p.epoch_seconds = 0.25;
  p.sums.add({"kl"}, {2.5}, 18);
  Value back = Progress::from_value(p.to_value()).to_value();
  EXPECT_EQ(back, p.to_value());
  const Value fresh = Progress().to_value();
  for (const auto& [key, value] : fresh.as_table()) {
    EXPECT_NE(back.at(key), value) << key;
  }
}

// The number of steps done says which rows are done only with the batch they were made with.
TEST_F(Checkpoints, InTheMidstOfAnEpochAreRefusedToAnotherBatch) {
  TrainOptions other = options();
  other.batch = 50;
  TrainContext context = small_run(folder, other);
  std::string error = error_of([&] { train(context, true); });
  EXPECT_TRUE(error.starts_with("usage: train.batch is 50, but the checkpoint")) << error;
}

TEST_F(Checkpoints, WhatAKilledProcessLeftHalfWrittenIsRemoved) {
  std::filesystem::create_directories(folder / "last.tmp-123");
  put(folder / "last.tmp-123" / "model.json", as_bytes("{"));
  put(folder / "config.toml.tmp-99", as_bytes("x"));
  put(folder / "notes.tmp-mine", as_bytes("x"));
  TrainContext context = small_run(folder, options());
  train(context, true);
  EXPECT_FALSE(std::filesystem::exists(folder / "last.tmp-123"));
  EXPECT_FALSE(std::filesystem::exists(folder / "config.toml.tmp-99"));
  EXPECT_TRUE(std::filesystem::exists(folder / "notes.tmp-mine"));
}

TEST_F(Checkpoints, ALineOfMetricsCutShortIsWrittenAgain) {
  std::ofstream(folder / "metrics.jsonl", std::ios::app) << "{\"epoch\":2,\"sp";
  TrainContext context = small_run(folder, options());
  train(context, true);
  EXPECT_EQ(timeless_metrics(folder).size(), 6u);
}

}  // namespace
}  // namespace elbo
