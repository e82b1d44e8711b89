// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "elbo/core/files.h"
#include "elbo/io/array.h"

namespace elbo {

/// A fresh folder for the files of one test, removed afterwards.
class FolderTest : public testing::Test {
 protected:
  FolderTest()
      : folder(make_unique_folder(std::filesystem::temp_directory_path(), "elbo-io-test")) {}
  ~FolderTest() override { std::filesystem::remove_all(folder); }
  /// Writes a file, with its folders, and returns its path. Without the fsync of write_file.
  Path put(const Path& name, std::span<const std::byte> bytes) {
    std::filesystem::create_directories((folder / name).parent_path());
    std::ofstream(folder / name, std::ios::binary) << as_text(bytes);
    return folder / name;
  }
  Path put(const Path& name, std::string_view text) { return put(name, as_bytes(text)); }

  Path folder;
};

/// The message of the Error that f throws, or "no error".
template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.message();
  }
  return "no error";
}

inline Array bytes_array(std::vector<int64_t> shape, uint8_t start = 0) {
  Array out = make_array(DType::u8, std::move(shape));
  for (uint8_t& v : out.as<uint8_t>()) v = start++;
  return out;
}

inline void expect_equal(const Array& a, const Array& b) {
  EXPECT_EQ(dtype_name(a.dtype), std::string(dtype_name(b.dtype)));
  EXPECT_EQ(a.shape, b.shape);
  EXPECT_EQ(a.data, b.data);
}

template <class T>
std::vector<T> values(const Array& array) {
  auto span = array.as<T>();
  return {span.begin(), span.end()};
}

}  // namespace elbo
