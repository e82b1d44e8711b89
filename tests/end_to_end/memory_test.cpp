// SPDX-License-Identifier: Apache-2.0
// Data larger than the memory that the program may have.
#include <gtest/gtest.h>

#include <charconv>

#include "elbo/core/file_writer.h"
#include "elbo/core/rng.h"
#include "elbo/io/npy.h"
#include "tests/support/process.h"

namespace elbo::testing {
namespace {

constexpr int64_t kRows = 100000, kColumns = 1024;  // 391 MiB of f32
constexpr int64_t kTrainRows = 90000;               // those not held out
constexpr int kLimit = 350;                         // MiB for everything, code left out

/// The values of some rows, the same whichever file they go into.
std::vector<float> values_of(int64_t rows, uint64_t part) {
  std::vector<uint32_t> bits(static_cast<size_t>(rows * kColumns));
  Rng(1, "memory", part).bits(bits);
  std::vector<float> out;
  for (uint32_t b : bits) out.push_back(static_cast<float>(b % 90) / 10);
  return out;
}

class MemoryTest : public ::testing::Test {
 protected:
  MemoryTest() : folder(make_unique_folder(std::filesystem::temp_directory_path(), "elbo-memory")) {
    ::setenv("TMPDIR", folder.c_str(), 1);
  }
  ~MemoryTest() override {
    std::filesystem::remove_all(folder);
    ::unsetenv("TMPDIR");
  }

  void for_each_part(const std::function<void(std::span<const float>)>& visit) const {
    constexpr int64_t kPart = 1000;
    for (int64_t i = 0; i < kRows / kPart; ++i) visit(values_of(kPart, uint64_t(i)));
  }

  void write_npy(const Path& path) const {
    std::vector<int64_t> shape = {kRows, kColumns};
    FileWriter file(path);
    file.append(npy_header(DType::f32, shape));
    for_each_part([&](std::span<const float> values) { file.append(std::as_bytes(values)); });
    file.finish();
  }

  /// The same values; 0 is a missing cell.
  void write_csv(const Path& path) const {
    FileWriter file(path);
    for_each_part([&](std::span<const float> values) {
      std::string text;
      char cell[32];
      for (size_t i = 0; i < values.size(); ++i) {
        if (values[i] != 0) text.append(cell, std::to_chars(cell, cell + 32, values[i]).ptr);
        text += i % kColumns + 1 == kColumns ? '\n' : ',';
      }
      file.append(text);
    });
    file.finish();
  }

  /// Runs `elbo words...` with at most kLimit MiB of memory of its own.
  int run(const std::vector<std::string>& words, std::string& err) const {
    std::vector<std::string> all = {
        "sh", "-c", fmt::format("ulimit -d {}; exec elbo \"$@\"", kLimit * 1024), "sh"};
    all.insert(all.end(), words.begin(), words.end());
    Process process(all, folder);
    int code = process.wait();
    err = process.err();
    return code;
  }

  /// Trains one epoch on the data, which is refused where they are to be held in memory.
  void expect_needs_disk(const std::string& data) {
    std::string err;
    std::vector<std::string> train = {"train", data,
                                      "--set", "train.epochs=1",
                                      "--set", "train.batch=256",
                                      "--set", "model.encoder={type='mlp',sizes=[8]}",
                                      "--set", "model.latent=2",
                                      "--set", "threads=1"};
    EXPECT_EQ(run(with(train, {"-o", "run", "-v", "--set", "data.in_memory=64"}), err), 0) << err;
    EXPECT_NE(err.find("391 MiB of examples stay on disk"), std::string::npos) << err;
    EXPECT_TRUE(std::filesystem::exists(folder / "run/best/model.json"));
    EXPECT_EQ(run(with(train, {"-o", "none", "--set", "data.in_memory=100000"}), err), 5) << err;
    EXPECT_FALSE(std::filesystem::exists(folder / "none"));
  }

  static std::vector<std::string> with(std::vector<std::string> words,
                                       const std::vector<std::string>& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  Path folder;
};

TEST_F(MemoryTest, NpyBeyondItTrainsFromDisk) {
  write_npy(folder / "data.npy");
  expect_needs_disk("data.npy");
  std::string err;
  EXPECT_EQ(run({"eval", "run", "--threads", "1"}, err), 0) << err;
  EXPECT_EQ(run({"resume", "run"}, err), 0) << err;
  std::vector<std::string> all = {"run", "--split", "train", "--count", "0"};
  EXPECT_EQ(run(with(with({"encode"}, all), {"-o", "z.npy"}), err), 0) << err;
  EXPECT_EQ(std::filesystem::file_size(folder / "z.npy"), 128 + kTrainRows * 2 * sizeof(float));
  EXPECT_EQ(run(with(with({"reconstruct"}, all), {"-o", "x.npy"}), err), 0) << err;
  EXPECT_EQ(std::filesystem::file_size(folder / "x.npy"),
            128 + kTrainRows * kColumns * sizeof(float));
}

TEST_F(MemoryTest, CsvBeyondItTrainsFromDisk) {
  write_csv(folder / "data.csv");
  expect_needs_disk("data.csv");
}

}  // namespace
}  // namespace elbo::testing
