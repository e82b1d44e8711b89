// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "elbo/tensor/convert.h"
#include "elbo/tensor/random.h"
#include "elbo/train/trainer.h"

// What the tests of this folder need; no other code includes it.
namespace elbo::testing {

/// Where test folders are made: in memory where that can be, since every save waits for its disk.
inline Path scratch() {
  std::error_code error;
  Path memory = "/dev/shm";
  bool is_there = std::filesystem::is_directory(memory, error);
  return is_there ? memory : std::filesystem::temp_directory_path();
}

/// A fresh folder for the files of one test, removed afterwards.
class FolderTest : public ::testing::Test {
 protected:
  FolderTest() : folder(make_unique_folder(scratch(), "elbo-train-test")) {}
  ~FolderTest() override { std::filesystem::remove_all(folder); }
  Path folder;
};

/// A table [N, D] in memory.
inline DatasetPtr table_of(const Tensor& x) {
  Schema schema;
  schema.name = "small";
  schema.shape = {x.size(1)};
  return make_dataset({to_array(x.to(at::kFloat).contiguous()), {}, {}}, schema);
}

/// Draws near a plane: [n, 4].
inline Tensor plane(int64_t n, std::string_view stream) {
  Rng rng(5, stream);
  Tensor map = at::tensor({1.0F, 0.5F, -1.0F, 0.2F, -0.4F, 0.8F, 0.3F, 1.1F}).view({2, 4});
  return at::matmul(normal(rng, {n, 2}), map) + 0.1 * normal(rng, {n, 4});
}

/// A data set that counts its batches and spoils chosen ones with values whose squares overflow.
class FaultyDataset : public Dataset {
 public:
  FaultyDataset(DatasetPtr base, std::function<bool(int64_t)> is_bad)
      : base_(std::move(base)), is_bad_(std::move(is_bad)) {}
  int64_t size() const override { return base_->size(); }
  const Schema& schema() const override { return base_->schema(); }
  Batch get_stored(std::span<const int64_t> rows) const override {
    Batch out = base_->get(rows);
    if (is_bad_(calls_++)) out.x.fill_(1e30F);
    return out;
  }

 private:
  DatasetPtr base_;
  std::function<bool(int64_t)> is_bad_;
  mutable int64_t calls_ = 0;
};

/// Every term of one pass over all rows.
inline std::map<std::string, double> pass_terms(Model& model, const Pipeline& pipeline,
                                                const Dataset& data) {
  at::NoGradGuard no_grad;
  std::vector<int64_t> rows(static_cast<size_t>(data.size()));
  std::iota(rows.begin(), rows.end(), 0);
  Batch batch = pipeline.apply(data.get(rows), TransformNoise::for_evaluation());
  Rng rng(1, "held out");
  Pass pass = model.pass(batch, rng, {});
  double recon = -pass.log_px.mean().item<double>();
  double kl = kl_of(pass.latents[0]).mean().item<double>();
  return {{"neg_elbo", recon + kl}, {"recon", recon}, {"kl", kl}};
}

/// Remembers all it is told; raises a flag after a number of steps.
class Recorder : public TrainListener {
 public:
  void on_step(int64_t, int64_t, int64_t,
               const std::function<std::map<std::string, double>()>&) override {
    if (++steps == stop_after) stop = true;
  }
  void on_epoch(const EpochRecord& record) override { records.push_back(record); }
  void on_note(const std::string& note) override { notes.push_back(note); }

  std::vector<EpochRecord> records;
  std::vector<std::string> notes;
  int64_t steps = 0, stop_after = -1;
  std::atomic<bool> stop{false};
};

inline Part part_with(const char* type, const char* key, Value value) {
  Part out(type);
  out.options[key] = std::move(value);
  return out;
}

/// The options of a network of one hidden layer.
inline Part small_network(double dropout = 0, const char* norm = "none") {
  Part out = part_with("mlp", "sizes", Value::list<int64_t>({8}));
  out.options["dropout"] = dropout;
  out.options["norm"] = norm;
  return out;
}

inline TrainOptions small_options() {
  TrainOptions out;
  out.epochs = 3;
  out.batch = 32;
  out.lr = 1e-2;
  out.lr_schedule = "constant";
  out.ema = 0;
  out.checkpoint_seconds = 1e9;
  return out;
}

/// 150 training and 40 validation rows of a table.
inline DataSource small_table() {
  DataSource out;
  out.train = table_of(plane(150, "train")), out.valid = table_of(plane(40, "valid"));
  out.schema = out.train->schema();
  return out;
}

/// As many images of two channels.
inline DataSource small_images() {
  DataSource out;
  out.schema.name = "small images", out.schema.kind = "image", out.schema.shape = {2, 9, 8};
  auto images = [&](int64_t n, std::string_view stream) {
    Rng rng(5, "images");
    Tensor x = at::matmul(plane(n, stream), normal(rng, {4, 9 * 8 * 2})).view({n, 9, 8, 2});
    return make_dataset({to_array(x.contiguous()), {}, {}}, out.schema);
  };
  out.train = images(150, "train"), out.valid = images(40, "valid");
  return out;
}

/// A run of a small VAE, as a fresh process would set it up.
inline TrainContext small_run(const Path& folder, const TrainOptions& options,
                              const Part& network = small_network(),
                              const DataSource& data = small_table()) {
  at::set_num_threads(1);
  TrainContext out;
  out.data = data;
  out.trained.schema = out.data.schema;
  out.trained.options.latent = 2;
  out.trained.options.encoder = network;
  out.trained.options.likelihood = "gaussian";
  out.trained.pipeline =
      std::make_shared<Pipeline>(std::vector<Part>{"standardise"}, out.data.schema);
  out.trained.pipeline->fit(*out.data.train);
  Rng rng(3, "model/init");
  out.trained.model = make_model(out.trained.options, out.data.schema, rng);
  out.train = options;
  out.seed = 3;
  out.folder = folder;
  out.held_out = pass_terms;
  std::filesystem::create_directories(folder);
  return out;
}

inline void watch(TrainContext& context, Recorder& recorder) {
  context.listener = &recorder;
  context.stop = &recorder.stop;
}

/// The lines of metrics.jsonl without what depends on the clock.
inline std::vector<std::string> timeless_metrics(const Path& folder) {
  std::vector<std::string> out;
  std::ifstream in(folder / "metrics.jsonl");
  for (std::string line; std::getline(in, line);) {
    Value value = parse_json(line, "metrics.jsonl");
    value.erase("epoch_seconds");
    value.erase("examples_per_second");
    value.erase("share_of_peak");
    out.push_back(to_json(value));
  }
  return out;
}

}  // namespace elbo::testing
