// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "elbo/core/files.h"
#include "elbo/io/array.h"
#include "elbo/io/gzip.h"

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

inline void put_big(Bytes& out, uint64_t value, size_t size) {
  for (size_t i = size; i-- > 0;) out.push_back(static_cast<std::byte>(value >> 8 * i));
}

inline void put_chunk(Bytes& out, std::string_view name, const Bytes& data) {
  put_big(out, data.size(), 4);
  Bytes body(as_bytes(name).begin(), as_bytes(name).end());
  body.insert(body.end(), data.begin(), data.end());
  out.insert(out.end(), body.begin(), body.end());
  put_big(out, crc32(body), 4);
}

/// A PNG of any kind: `colour` 0 grey, 2 RGB, 4 grey with alpha, 6 RGB with alpha; `values` one for
/// each channel of each pixel; `exif`, if any, is its eXIf chunk.
inline Bytes any_png(size_t height, size_t width, int depth, int colour,
                     const std::vector<int>& values, const Bytes& exif = {}) {
  Bytes out, header, rows;
  for (char c : std::string_view("\x89PNG\r\n\x1a\n", 8)) out.push_back(std::byte(c));
  put_big(header, width, 4), put_big(header, height, 4);
  for (int v : {depth, colour, 0, 0, 0}) put_big(header, static_cast<uint64_t>(v), 1);
  size_t in_row = values.size() / height;
  for (size_t i = 0; i < values.size(); ++i) {
    if (i % in_row == 0) rows.push_back(std::byte{0});  // no filter
    put_big(rows, static_cast<uint64_t>(values[i]), depth == 16 ? 2 : 1);
  }
  Bytes packed = gzip(rows), data = {std::byte{0x78}, std::byte{0x9C}};  // gzip's deflate as zlib's
  data.insert(data.end(), packed.begin() + 10, packed.end() - 8);
  uint32_t a = 1, b = 0;
  for (std::byte byte : rows) {
    a = (a + std::to_integer<uint32_t>(byte)) % 65521;
    b = (b + a) % 65521;
  }
  put_big(data, b << 16 | a, 4);
  put_chunk(out, "IHDR", header);
  if (!exif.empty()) put_chunk(out, "eXIf", exif);
  put_chunk(out, "IDAT", data);
  put_chunk(out, "IEND", {});
  return out;
}

/// What EXIF says of an orientation, in either byte order.
inline Bytes exif_of(int orientation, bool little = false) {
  auto n = static_cast<char>(orientation);
  std::string text = little ? std::string("II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0", 18) + n
                            : std::string("MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0", 19) + n;
  text += std::string(little ? 7 : 6, '\0');
  return {as_bytes(text).begin(), as_bytes(text).end()};
}

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
