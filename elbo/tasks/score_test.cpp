// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/score.h"

#include <gtest/gtest.h>

#include "elbo/tasks/testing.h"

namespace elbo {
namespace {

/// A table some of whose cells are missing.
Path holed_run() {
  static const Path run = [] {
    Path file = test_folder() / "holed.csv";
    Rng rng(4, "holes");
    std::string text = "a,b,c\n";
    for (int i = 0; i < 120; ++i) {
      double a = rng.uniform(), b = 3 * a + rng.uniform();
      text += rng.uniform() < 0.2 ? fmt::format("{:.3f},,{:.3f}\n", a, a - b)
                                  : fmt::format("{:.3f},{:.3f},{:.3f}\n", a, b, a - b);
    }
    write_file(file, text);
    return train_tiny("holed", file);
  }();
  return run;
}

const Path& autoencoder_run() {
  static const Path run =
      train_tiny("scored-ae", table_file(), "data.target = 'kind'\nmodel.posterior = 'point'");
  return run;
}

struct Scored {
  explicit Scored(const Path& folder, const ScoreOptions& options = {})
      : run(open_run(folder)), data(open_for(run, "").all), scorer(run, data, options) {}
  Scores all() const { return scorer.at(spaced_rows(data->size(), 0)); }
  Run run;
  DatasetPtr data;
  Scorer scorer;
};

Tensor named(const Scored& s, const Scores& scores, const std::string& name) {
  std::vector<std::string> names = s.scorer.names();
  auto it = std::find(names.begin(), names.end(), name);
  return scores.values.select(1, it - names.begin());
}

TEST(Score, AveragesToWhatEvaluateFinds) {
  ScoreOptions options;
  options.samples = 5;
  options.seed = 3;
  for (const Path& folder : {table_run(), picture_run(), holed_run(), autoencoder_run()}) {
    if (folder == autoencoder_run()) options.samples = 0;
    Scored s(folder, options);
    Evaluation e = evaluate(*s.run.trained.model, *s.run.trained.pipeline, *s.data,
                            {.samples = options.samples, .draws = 1}, 3);
    Scores scores = s.all();
    for (const std::string& name : s.scorer.names()) {
      double expected = e.find(name)->value;
      EXPECT_NEAR(named(s, scores, name).mean().item<double>(), expected,
                  1e-5 * (1 + std::abs(expected)))
          << folder << " " << name;
    }
  }
}

TEST(Score, SharesOfColumnsAddUpToTheReconstruction) {
  for (const Path& folder : {table_run(), holed_run(), autoencoder_run()}) {
    Scored s(folder);
    Scores scores = s.all();
    ASSERT_TRUE(scores.shares.defined());
    EXPECT_EQ(scores.shares.size(1), static_cast<int64_t>(s.scorer.share_names().size()));
    Tensor sum = scores.shares.nan_to_num(0).sum(1), recon = named(s, scores, "recon");
    EXPECT_TRUE(at::allclose(sum, recon, 1e-4, 1e-4)) << (sum - recon).abs().max();
  }
}

TEST(Score, AMissingCellHasNoShare) {
  Scored s(holed_run());
  Batch batch = s.data->get(spaced_rows(s.data->size(), 0));
  EXPECT_TRUE(at::equal(s.all().shares.isnan(), batch.mask == 0));
  EXPECT_GT((batch.mask == 0).sum().item<int64_t>(), 5);
}

TEST(Score, ARowIsTheSameWhateverTheRowsBesideIt) {
  for (const Path& folder : {table_run(), picture_run()}) {
    Scored s(folder);
    Scores whole = s.all();
    for (int64_t row : {0, 41, 130}) {
      std::vector<int64_t> one = {row};
      EXPECT_TRUE(at::allclose(s.scorer.at(one).values[0], whole.values[row], 1e-6, 1e-6));
      Scorer alone(s.run, subset(s.data, one), {});
      std::vector<int64_t> first = {0};
      EXPECT_TRUE(at::allclose(alone.at(first).values[0], whole.values[row], 1e-6, 1e-6));
    }
  }
}

TEST(Score, NamesWhatThereIs) {
  EXPECT_EQ(Scored(table_run()).scorer.share_names(),
            (std::vector<std::string>{"recon[width]", "recon[height]"}));
  ScoreOptions without;
  without.shares = false;
  EXPECT_TRUE(Scored(table_run(), without).scorer.share_names().empty());
  EXPECT_FALSE(Scored(table_run(), without).all().shares.defined());
  EXPECT_TRUE(Scored(picture_run()).scorer.share_names().empty()) << "images have none";
  EXPECT_EQ(Scored(autoencoder_run()).scorer.names(),
            (std::vector<std::string>{"recon", "reconstruction_mse"}));
  EXPECT_TRUE(Scored(table_run()).all().y.defined());
}

// A row unlike all others has the largest -ELBO, and the column in which it is so the largest
// share.
TEST(Score, FindsTheOddRowAndItsColumn) {
  elbo::Run run = open_run(table_run());
  Path file = test_folder() / "odd.csv";
  write_file(file, read_text(table_file()) + "900,60,big\n");
  DatasetPtr data = open_for(run, file.string()).all;
  Scorer scorer(run, data, {});
  Scores scores = scorer.at(spaced_rows(data->size(), 0));
  EXPECT_EQ(scores.values.select(1, 0).argmax().item<int64_t>(), 240);
  EXPECT_EQ(scores.shares[240].argmax().item<int64_t>(), 1);
}

}  // namespace
}  // namespace elbo
