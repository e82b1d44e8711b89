// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <map>
#include <thread>

#include "elbo/core/rng.h"
#include "elbo/core/value.h"
#include "elbo/io/npy.h"
#include "tests/support/process.h"

namespace elbo::testing {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

uint64_t test_seed() {
  const char* text = std::getenv("ELBO_TEST_SEED");
  return text ? std::strtoull(text, nullptr, 10) : 1;
}

/// [rows, 8] near a plane.
Array table(int64_t rows) {
  Array out = make_array(DType::f32, {rows, 8});
  auto x = out.as<float>();
  Rng rng(1, "table");
  rng.normal(x);
  for (size_t i = 0; i < x.size(); i += 8) {
    for (size_t j = 2; j < 8; ++j) x[i + j] = 0.1F * x[i + j] + x[i + j % 2] * float(j);
  }
  return out;
}

/// All that two equal runs have in common.
std::map<std::string, std::string> lasting(const Path& run) {
  std::map<std::string, std::string> out;
  for (const char* name : {"best/model.json", "best/model.safetensors", "last/model.json",
                           "last/model.safetensors", "last/state.safetensors"}) {
    out[name] = sha256(read_text(run / name));
  }
  std::ifstream metrics(run / "metrics.jsonl");
  for (std::string line; std::getline(metrics, line);) {
    Value value = parse_json(line, "metrics.jsonl");
    value.erase("epoch_seconds");
    value.erase("examples_per_second");
    value.erase("share_of_peak");
    out["metrics.jsonl"] += to_json(value) + "\n";
  }
  return out;
}

/// Names that end as those of files half written do.
std::vector<std::string> leftovers(const Path& run) {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(run)) {
    std::string name = entry.path().filename().string();
    if (name.find(".tmp-") != std::string::npos) out.push_back(name);
  }
  return out;
}

class ResumeProgram : public ::testing::Test {
 protected:
  ResumeProgram()
      : folder(make_unique_folder(std::filesystem::temp_directory_path(), "elbo-resume-test")) {
    write_file(folder / "data.npy", encode_npy(table(1500)));
  }
  ~ResumeProgram() override { std::filesystem::remove_all(folder); }

  static std::vector<std::string> train_words(const std::string& run) {
    return {"elbo",
            "train",
            "data.npy",
            "-o",
            run,
            "-q",
            "--threads",
            "1",
            "--seed",
            "5",
            "--epochs",
            "60",
            "--batch",
            "64",
            "--ema",
            "0.99",
            "--patience",
            "55",
            "--checkpoint-seconds",
            "0.05",
            "--set",
            "model.encoder={ type = \"mlp\", sizes = [16], norm = \"batch\", dropout = 0.1 }"};
  }
  /// Starts the run, or takes it up where one life before has left something to take up.
  std::unique_ptr<Process> next_life(const std::string& run) const {
    bool begun = std::filesystem::exists(folder / run / "config.toml");
    if (!begun) std::filesystem::remove_all(folder / run);
    auto words = begun ? std::vector<std::string>{"elbo", "resume", run, "-q"} : train_words(run);
    return std::make_unique<Process>(words, folder);
  }
  void train_whole() {
    auto start = Clock::now();
    Process process(train_words("whole"), folder);
    ASSERT_EQ(process.wait(), 0) << process.err();
    seconds = seconds_since(start);
    whole = lasting(folder / "whole");
  }
  void expect_same(const std::string& run) {
    EXPECT_EQ(lasting(folder / run), whole);
    EXPECT_EQ(leftovers(folder / run), std::vector<std::string>{});
  }
  /// Which metrics.jsonl there is; another one when a run starts or resumes, just before its first
  /// step. 0: none yet.
  ino_t log_of(const std::string& run) const {
    struct stat info {};
    return ::stat((folder / run / "metrics.jsonl").c_str(), &info) == 0 ? info.st_ino : 0;
  }
  void wait_for_training(const std::string& run, Process& process, ino_t before = 0) const {
    while (log_of(run) == before && !process.wait_for(0.002)) {
    }
  }

  Path folder;
  double seconds = 0;  ///< that a run takes
  std::map<std::string, std::string> whole;
};

TEST_F(ResumeProgram, KilledAtAnyMomentEndsWithTheSameBytes) {
  ASSERT_NO_FATAL_FAILURE(train_whole());
  Rng rng(test_seed(), "kills");
  SCOPED_TRACE(fmt::format("ELBO_TEST_SEED={}", test_seed()));
  int kills = 0;
  for (int round = 0; kills < ELBO_KILLS; ++round) {
    std::string run = fmt::format("run{}", round), story;
    for (bool ended = false; !ended;) {
      auto process = next_life(run);
      double moment = rng.uniform() * seconds;
      ended = kills >= ELBO_KILLS || process->wait_for(moment);
      if (ended) {
        ASSERT_EQ(process->wait(), 0) << story << process->err();
        continue;
      }
      process->send(SIGKILL);
      process->wait();
      ++kills;
      story += fmt::format("killed after {:.3f} s\n", moment);
    }
    SCOPED_TRACE(story);
    expect_same(run);
  }
}

TEST_F(ResumeProgram, StoppedBySignalsExitsWith75AndEndsWithTheSameBytes) {
  ASSERT_NO_FATAL_FAILURE(train_whole());
  Rng rng(test_seed(), "signals");
  SCOPED_TRACE(fmt::format("ELBO_TEST_SEED={}", test_seed()));
  int stops = 0;
  for (int signal : {SIGTERM, SIGINT, SIGUSR1, SIGHUP}) {
    ino_t before = log_of("run");
    auto process = next_life("run");
    wait_for_training("run", *process, before);
    process->wait_for(rng.uniform() * seconds / 5);
    process->send(signal);
    int code = process->wait();
    ASSERT_TRUE(code == 75 || code == 0) << code << "\n" << process->err();
    stops += code == 75;
  }
  EXPECT_GT(stops, 0);
  auto process = next_life("run");
  ASSERT_EQ(process->wait(), 0) << process->err();
  expect_same("run");
}

// As under nohup.
TEST_F(ResumeProgram, AHangUpThatIsIgnoredStopsNothing) {
  std::string command = "trap '' HUP; exec";
  for (const std::string& word : train_words("run")) command += " '" + word + "'";
  Process process({"sh", "-c", command}, folder);
  wait_for_training("run", process);
  process.send(SIGHUP);
  EXPECT_EQ(process.wait(), 0) << process.err();
}

TEST_F(ResumeProgram, AStoppedRunSaysHowToTakeItUpAgain) {
  std::vector<std::string> words = train_words("run");
  words.erase(std::find(words.begin(), words.end(), "-q"));
  Process process(words, folder);
  wait_for_training("run", process);
  process.send(SIGTERM);
  ASSERT_EQ(process.wait(), 75) << process.err();
  EXPECT_TRUE(process.err().ends_with("take it up again with: elbo resume run\n")) << process.err();
  EXPECT_EQ(process.out(), "");
}

TEST_F(ResumeProgram, ASecondInterruptQuitsInTheMiddleOfAStep) {
  std::vector<std::string> words = train_words("run");
  words.back() = "model.encoder={ type = \"mlp\", sizes = [3000, 3000] }";
  words.insert(words.end(), {"--batch", "1200"});  // steps of seconds
  Process process(words, folder);
  wait_for_training("run", process);
  process.wait_for(0.05);
  process.send(SIGINT);
  process.wait_for(0.05);
  process.send(SIGINT);
  EXPECT_EQ(process.wait(), 130) << process.err();
  EXPECT_FALSE(std::filesystem::exists(folder / "run" / "last"));
}

}  // namespace
}  // namespace elbo::testing
