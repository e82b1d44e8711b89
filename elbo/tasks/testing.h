// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <cmath>
#include <string>

#include "elbo/core/rng.h"
#include "elbo/io/npy.h"
#include "elbo/tasks/run.h"

namespace elbo {

/// A folder that is gone when the test program ends.
class TestFolder {
 public:
  TestFolder()
      : path_(std::filesystem::temp_directory_path() / fmt::format("elbo-tasks-{}", getpid())) {
    std::filesystem::create_directories(path_);
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  const Path& path() const { return path_; }

 private:
  Path path_;
};

inline const Path& test_folder() {
  static TestFolder folder;
  return folder.path();
}

/// 240 rows "width,height,kind": two clouds in units far from 0 and 1, so that a model's own units
/// are not mistaken for them.
inline Path table_file() {
  Path path = test_folder() / "table.csv";
  Rng rng(1, "table");
  std::string text = "width,height,kind\n";
  for (int i = 0; i < 240; ++i) {
    bool big = i % 2 == 0;
    double width = (big ? 900 : 500) + 60 * rng.uniform(), height = 0.01 * width + rng.uniform();
    text += fmt::format("{:.3f},{:.4f},{}\n", width, height, big ? "big" : "small");
  }
  write_file(path, text);
  return path;
}

/// 160 pictures of 6 x 5 with one bright row, of two kinds.
inline Path picture_file() {
  Path path = test_folder() / "pictures.npz";
  Array x = make_array(DType::u8, {160, 6, 5}), y = make_array(DType::i64, {160});
  for (int64_t i = 0; i < 160; ++i) {
    int64_t row = i % 2 == 0 ? 1 : 4;
    for (int64_t c = 0; c < 5; ++c) x.as<uint8_t>()[size_t(i * 30 + row * 5 + c)] = 255;
    y.as<int64_t>()[size_t(i)] = i % 2;
  }
  write_file(path, encode_npz({{"x", x}, {"y", y}}));
  return path;
}

/// Trains a tiny model with two latents for four epochs; `more` and, over it, `last` are TOML.
inline Path train_tiny(const std::string& name, const Path& data, const std::string& more = "",
                       const std::string& last = "") {
  std::string text = fmt::format(
      "data.path = '{}'\nmodel.latent = 2\ntrain.epochs = 4\ntrain.batch = 32\ntrain.lr = 0.01\n"
      "threads = 1\nmodel.encoder = {{ type = 'mlp', sizes = [16] }}\nmodel.linear = false\n",
      data.string());
  Plan plan = make_plan({{"test", parse_toml(text, "test")},
                         {"more", parse_toml(more, "more")},
                         {"last", parse_toml(last, "last")}});
  return train_run(plan, test_folder() / "runs", name, nullptr, nullptr).folder;
}

inline const Path& table_run() {
  static const Path run = train_tiny("table", table_file(), "data.target = 'kind'");
  return run;
}

inline const Path& picture_run() {
  static const Path run = train_tiny("pictures", picture_file());
  return run;
}

/// Every byte under a folder, names included.
inline std::string folder_hash(const Path& folder) {
  std::vector<Path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::string all;
  for (const Path& file : files) all += file.string() + sha256(read_file(file));
  return sha256(all);
}

}  // namespace elbo
