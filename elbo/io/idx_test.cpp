// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/idx.h"

#include "elbo/core/rng.h"
#include "elbo/io/testing.h"

namespace elbo {
namespace {

Bytes raw(std::initializer_list<int> values) {
  Bytes out;
  for (int v : values) out.push_back(static_cast<std::byte>(v));
  return out;
}

TEST(Idx, ParseUndoesEncodeForEveryTypeAndRank) {
  Rng rng(1, "idx");
  for (DType dtype : {DType::u8, DType::i8, DType::i16, DType::i32, DType::f32, DType::f64}) {
    for (size_t rank = 1; rank <= 8; ++rank) {
      std::vector<int64_t> shape;
      for (size_t d = 0; d < rank; ++d) shape.push_back(static_cast<int64_t>(rng.below(4)));
      Array array = make_array(dtype, shape);
      for (std::byte& b : array.data) b = static_cast<std::byte>(rng.below(256));
      expect_equal(parse_idx(encode_idx(array), "a"), array);
    }
  }
}

TEST(Idx, NumbersAreBigEndian) {
  Array shorts = parse_idx(raw({0, 0, 0x0B, 1, 0, 0, 0, 2, 1, 2, 0xFF, 0xFE}), "a");
  EXPECT_EQ(values<int16_t>(shorts), (std::vector<int16_t>{258, -2}));
  Array floats = parse_idx(raw({0, 0, 0x0D, 1, 0, 0, 0, 1, 0x3F, 0xC0, 0, 0}), "a");
  EXPECT_EQ(values<float>(floats), std::vector<float>{1.5f});
}

TEST(Idx, EveryTruncationAndExtensionIsRefused) {
  Bytes whole = encode_idx(bytes_array({3, 2, 2}));
  for (size_t n = 0; n < whole.size(); ++n) {
    EXPECT_THROW(parse_idx(std::span<const std::byte>(whole).first(n), "a"), Error) << n;
  }
  whole.push_back(std::byte{0});
  EXPECT_THROW(parse_idx(whole, "a"), Error);
}

TEST(Idx, SizesThatOverflowAreRefusedBeforeMemoryIsTaken) {
  Bytes bytes = raw({0, 0, 0x0E, 3});
  bytes.insert(bytes.end(), 12, std::byte{0xFF});
  EXPECT_EQ(message_of([&] { parse_idx(bytes, "a"); }),
            "a: shape [4294967295, 4294967295, 4294967295] of f64 needs too many bytes after byte "
            "16, found 0\nThe file is damaged or was not copied whole; get it again.");
}

TEST(Idx, FaultsAreNamedWithTheirByte) {
  EXPECT_EQ(message_of([] {
              parse_idx(raw({0, 0, 8}), "a");
            }),
            "a: truncated at byte 3: the number of dimensions needs 1 bytes, 0 are left\n"
            "The file is damaged or was not copied whole; get it again.");
  EXPECT_EQ(message_of([] {
              parse_idx(raw({0, 0, 7, 1, 0, 0, 0, 0}), "a");
            }),
            "a: not an IDX file: bytes 0-3 are 0000 07 01, expected 0000, a type (08, 09, 0b, 0c, "
            "0d, 0e) and 1 to 8 dimensions");
  EXPECT_EQ(message_of([] {
              parse_idx(raw({0, 0, 8, 1, 0, 0, 0, 5, 1, 2}), "a");
            }),
            "a: shape [5] of u8 needs 5 bytes after byte 8, found 2\n"
            "The file is damaged or was not copied whole; get it again.");
  EXPECT_EQ(message_of([] { encode_idx(make_array(DType::u16, {2})); }),
            "IDX has no type for u16; use npy");
}

}  // namespace
}  // namespace elbo
