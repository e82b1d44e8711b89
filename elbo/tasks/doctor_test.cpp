// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/doctor.h"

#include <gtest/gtest.h>

#include "elbo/tasks/history.h"
#include "elbo/tasks/inspect.h"
#include "elbo/tasks/testing.h"

namespace elbo {
namespace {

/// A copy of the run whose files a test may damage.
Path copy_of_run(const std::string& name) {
  Path copy = test_folder() / name;
  std::filesystem::remove_all(copy);
  std::filesystem::copy(table_run(), copy, std::filesystem::copy_options::recursive);
  return copy;
}

/// The level of the first finding that holds the words, or "".
std::string level_of(const std::vector<Finding>& findings, const std::string& words) {
  for (const Finding& f : findings) {
    if (f.text.find(words) != std::string::npos) return f.level;
  }
  return "";
}

TEST(Doctor, FindsNothingWrongWithTheFilesOfARun) {
  std::vector<Finding> found = examine_run(table_run());
  ASSERT_FALSE(found.empty());
  for (const char* words : {"changed", "damaged", "diverged", "epochs done", "skipped"}) {
    EXPECT_EQ(level_of(found, words), "") << words;
  }
}

TEST(Doctor, SeesADamagedModel) {
  Path run = copy_of_run("damaged");
  Path weights = run / "best" / "model.safetensors";
  Bytes bytes = read_file(weights);
  bytes.back() ^= std::byte{1};
  write_file(weights, bytes);
  EXPECT_EQ(level_of(examine_run(run), "damaged"), "bad");
}

TEST(Doctor, SeesNumbersThatAreNotFinite) {
  Path run = copy_of_run("diverged");
  write_file(run / "metrics.jsonl", "{\"epoch\":1,\"split\":\"train\",\"kl\":null}\n");
  EXPECT_EQ(level_of(examine_run(run), "kl of epoch 1 (train) is not finite"), "bad");
}

TEST(Doctor, SeesALostHistory) {
  Path run = copy_of_run("lost");
  std::filesystem::remove(run / "metrics.jsonl");
  EXPECT_EQ(level_of(examine_run(run), "metrics.jsonl is missing"), "bad");
}

TEST(Doctor, SeesARunThatIsNotFinished) {
  Path run = copy_of_run("unfinished");
  std::string text = read_text(run / "config.toml");
  text.replace(text.find("epochs = 4"), 10, "epochs = 9");
  write_file(run / "config.toml", text);
  EXPECT_EQ(level_of(examine_run(run), "4 of 9 epochs done"), "warn");
}

TEST(Doctor, SeesOtherDataThanTheRunBeganWith) {
  Path run = copy_of_run("changed");
  std::string text = read_text(run / "run.json");
  size_t at = text.find("\"sha256\": \"") + 11;
  text[at] = text[at] == '0' ? '1' : '0';
  write_file(run / "run.json", text);
  EXPECT_EQ(level_of(examine_run(run), "is not what the run began with"), "bad");
}

TEST(Doctor, SeesSkippedStepsAndARollBack) {
  Path run = copy_of_run("skipped");
  std::string line =
      "{\"epoch\":4,\"split\":\"train\",\"kl\":1.0,\"lr_factor\":1.0,\"skipped_steps\":2.0}\n";
  write_file(run / "metrics.jsonl", line);
  EXPECT_EQ(level_of(examine_run(run), "2 non-finite steps"), "warn");
  line.replace(line.find("1.0,\"skip"), 3, "0.1");
  write_file(run / "metrics.jsonl", line);
  EXPECT_EQ(level_of(examine_run(run), "rolled back"), "bad");
}

TEST(Doctor, SaysWhenTrainingLongerWouldHelp) {
  Path run = copy_of_run("improving");
  std::string text;
  for (int epoch = 1; epoch <= 10; ++epoch) {
    text +=
        fmt::format("{{\"epoch\":{},\"split\":\"valid\",\"neg_elbo\":{}}}\n", epoch, 100.0 - epoch);
  }
  write_file(run / "metrics.jsonl", text);
  EXPECT_EQ(level_of(examine_run(run), "still improving"), "warn");
}

TEST(History, LeavesOutALineCutShortAndRefusesWhatIsNoRecord) {
  Path folder = test_folder() / "history";
  std::filesystem::create_directories(folder);
  EXPECT_TRUE(read_history(folder).empty());
  write_file(folder / "metrics.jsonl",
             "{\"epoch\":1,\"split\":\"train\",\"kl\":2.5}\n{\"epoch\":2,\"spl");
  std::vector<Value> records = read_history(folder);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(history_of(records, "train", "kl").y, std::vector<double>{2.5});
  EXPECT_TRUE(history_of(records, "valid", "kl").y.empty());
  write_file(folder / "metrics.jsonl", "{\"epoch\":1}\n");
  EXPECT_THROW(read_history(folder), Error);
}

TEST(Inspect, KnowsAFileByItsContents) {
  Path path = test_folder() / "nameless";
  write_file(path, encode_npy(make_array(DType::i16, {4, 3})));
  Inspection found = inspect(path);
  ASSERT_EQ(found.rows.size(), 1u);
  EXPECT_EQ(found.rows[0], (Row{"array", "i16", "[4, 3]", "24 bytes"}));
}

TEST(Inspect, TellsRunsModelsAndTablesApart) {
  EXPECT_EQ(inspect(table_run()).facts[0].second, "run folder");
  EXPECT_EQ(inspect(table_run() / "best").facts[0].second, "model folder");
  Inspection weights = inspect(table_run() / "best" / "model.safetensors");
  EXPECT_EQ(weights.facts[0].second, "safetensors file");
  Inspection table = inspect(table_file());
  EXPECT_EQ(table.rows.at(2), (Row{"kind", "0", "240", "0", "big"}));
  EXPECT_THROW(inspect(test_folder() / "nothing"), Error);
}

}  // namespace
}  // namespace elbo
