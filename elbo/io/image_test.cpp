// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/image.h"

#include "elbo/core/rng.h"
#include "elbo/io/testing.h"

namespace elbo {
namespace {

Path seed(const char* name) { return Path(ELBO_SOURCE_DIR) / "tests/fuzz" / name; }

Array noise(std::vector<int64_t> shape, uint64_t key) {
  Array out = make_array(DType::u8, std::move(shape));
  Rng rng(key, "noise");
  for (uint8_t& v : out.as<uint8_t>()) v = static_cast<uint8_t>(rng.below(256));
  return out;
}

TEST(Png, ParseUndoesEncode) {
  uint64_t key = 0;
  for (int64_t c : {1, 3}) {
    for (int64_t h : {1, 2, 17}) {
      for (int64_t w : {1, 3, 64}) {
        Array image = noise({h, w, c}, ++key);
        expect_equal(parse_png(encode_png(image), "a.png"), image);
      }
    }
  }
}

TEST(Png, EveryTruncationIsRefused) {
  Bytes whole = encode_png(noise({5, 4, 3}, 1));
  for (size_t n = 0; n < whole.size(); ++n) {
    EXPECT_THROW(parse_png(std::span(whole).first(n), "a.png"), Error) << n;
  }
}

TEST(Png, EveryFlippedByteOfThePixelsIsRefused) {
  Bytes whole = encode_png(noise({5, 4, 3}, 1));
  size_t data = as_text(whole).find("IDAT");
  for (size_t i = data; i < whole.size() - 12; ++i) {  // the last 12 bytes are the end chunk
    Bytes bad = whole;
    bad[i] ^= std::byte{4};
    EXPECT_THROW(parse_png(bad, "a.png"), Error) << i;
  }
}

// Each seed is 2 x 2; tools/make_fuzz_seeds.py states the pixels.
TEST(Png, AlphaPaletteAndDepthComeOutAsPlainBytes) {
  auto pixels = [](const char* name) {
    return values<uint8_t>(parse_png(read_file(seed("png") / name), name));
  };
  EXPECT_EQ(pixels("rgba.png"),  // red, half red, clear, black
            (std::vector<uint8_t>{255, 0, 0, 255, 127, 127, 255, 255, 255, 0, 0, 0}));
  EXPECT_EQ(pixels("grey_alpha.png"), (std::vector<uint8_t>{0, 255, 127, 10}));
  EXPECT_EQ(pixels("palette.png"),
            (std::vector<uint8_t>{1, 2, 3, 40, 50, 60, 40, 50, 60, 1, 2, 3}));
  EXPECT_EQ(pixels("one_bit.png"), (std::vector<uint8_t>{0, 255, 255, 0}));
  EXPECT_EQ(pixels("grey16.png"), (std::vector<uint8_t>{0, 255, 128, 1}));
  EXPECT_EQ(pixels("interlaced.png"), (std::vector<uint8_t>{1, 2, 3, 4}));
}

TEST(Png, ClaimsThatTheBytesCannotHoldAreRefused) {
  Bytes bytes = read_file(seed("png") / "huge.png");
  EXPECT_EQ(message_of([&] { parse_png(bytes, "a.png"); }),
            "a.png: 1000000 x 1000000 pixels, more than the 67108864 allowed");
  EXPECT_EQ(message_of([&] { parse_png(bytes, "a.png", int64_t{1} << 40); }),
            fmt::format("a.png: {} bytes cannot hold the 1000000 x 1000000 pixels claimed",
                        bytes.size()));
  EXPECT_EQ(message_of([&] { parse_png(as_bytes("GIF89a"), "a.png"); }),
            "a.png: not a PNG file: expected \\x89PNG at byte 0");
}

// The file is Pillow's; a flat picture survives JPEG to the last bit.
TEST(Jpeg, FlatPicturesAreReadExactly) {
  Array grey = parse_jpeg(read_file(seed("jpeg/grey.jpg")), "grey.jpg");
  EXPECT_EQ(grey.shape, (std::vector<int64_t>{8, 8, 1}));
  EXPECT_EQ(values<uint8_t>(grey), std::vector<uint8_t>(64, 100));
  Array colour = parse_jpeg(read_file(seed("jpeg/progressive.jpg")), "progressive.jpg");
  ASSERT_EQ(colour.shape, (std::vector<int64_t>{16, 16, 3}));
  const int expected[] = {200, 100, 50};
  for (size_t i = 0; i < colour.data.size(); ++i) {
    EXPECT_NEAR(colour.as<uint8_t>()[i], expected[i % 3], 2);
  }
}

TEST(Jpeg, EveryTruncationIsRefused) {
  for (const char* name : {"jpeg/grey.jpg", "jpeg/progressive.jpg"}) {
    Bytes whole = read_file(seed(name));
    for (size_t n = 0; n + 2 < whole.size(); ++n) {
      EXPECT_THROW(parse_jpeg(std::span(whole).first(n), "a.jpg"), Error) << name << n;
    }
  }
}

TEST(Jpeg, FaultsAreNamed) {
  Bytes cmyk = read_file(seed("jpeg/cmyk.jpg"));
  EXPECT_EQ(message_of([&] { parse_jpeg(cmyk, "a.jpg"); }),
            "a.jpg: a JPEG of 4 channels (CMYK?), expected 1 (grey) or 3 (colour)\n"
            "Convert it to RGB.");
  EXPECT_EQ(message_of([&] { parse_jpeg(cmyk, "a.jpg", 63); }),
            "a.jpg: 8 x 8 pixels, more than the 63 allowed");
  EXPECT_EQ(message_of([&] { parse_jpeg(std::span(cmyk).first(30), "a.jpg"); }),
            "a.jpg: damaged JPEG: Premature end of JPEG file\n"
            "The file is no whole JPEG; get it again.");
}

TEST(ImageGrid, PlacesPicturesRowByRow) {
  Array grid = image_grid(bytes_array({3, 1, 2, 1}, 1), 2, 1, 1, 9);
  EXPECT_EQ(grid.shape, (std::vector<int64_t>{3, 5, 1}));
  EXPECT_EQ(values<uint8_t>(grid),
            (std::vector<uint8_t>{1, 2, 9, 3, 4, 9, 9, 9, 9, 9, 5, 6, 9, 9, 9}));
}

TEST(ImageGrid, ScaleRepeatsPixels) {
  Array grid = image_grid(bytes_array({1, 1, 2, 3}), 5, 0, 2);
  EXPECT_EQ(grid.shape, (std::vector<int64_t>{2, 4, 3}));
  std::vector<uint8_t> row = {0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5}, both = row;
  both.insert(both.end(), row.begin(), row.end());
  EXPECT_EQ(values<uint8_t>(grid), both);
}

TEST(ImageGrid, ScaledPixelsAreSquares) {
  Array grid = image_grid(bytes_array({1, 2, 2}, 1), 1, 0, 2);
  EXPECT_EQ(values<uint8_t>(grid),
            (std::vector<uint8_t>{1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4}));
}

TEST(ImageGrid, OtherShapesAreRefused) {
  EXPECT_EQ(message_of([] {
              image_grid(bytes_array({2, 2}), 1);
            }),
            "cannot lay out u8 [2, 2] as a grid, expected u8 [N, H, W], [N, H, W, 1] or "
            "[N, H, W, 3]");
  EXPECT_EQ(message_of([] {
              image_grid(bytes_array({2, 2, 2}), 0);
            }),
            "image grid of 0 columns, gap 1, scale 1: expected >= 1, >= 0, >= 1");
  EXPECT_EQ(message_of([] {
              encode_png(bytes_array({2, 2, 2}));
            }),
            "cannot write u8 [2, 2, 2] as PNG, expected u8 [H, W, 1] or [H, W, 3]");
}

TEST(Resize, SameSizeChangesNothing) {
  Array image = noise({5, 7, 3}, 2);
  expect_equal(resize_image(image, 5, 7), image);
}

TEST(Resize, FlatStaysFlatAndMeansAreKept) {
  Array flat = make_array(DType::u8, {6, 9, 1});
  for (uint8_t& v : flat.as<uint8_t>()) v = 77;
  for (auto [h, w] : {std::pair{3, 2}, {11, 30}, {1, 1}}) {
    for (uint8_t v : values<uint8_t>(resize_image(flat, h, w))) EXPECT_EQ(v, 77);
  }
  Array image = noise({64, 64, 1}, 3), small = resize_image(image, 16, 16);
  auto mean = [](const Array& a) {
    double sum = 0;
    for (uint8_t v : a.as<uint8_t>()) sum += v;
    return sum / static_cast<double>(a.data.size());
  };
  EXPECT_NEAR(mean(image), mean(small), 2);
}

TEST(Resize, ShrinkingCountsEveryPixel) {
  for (size_t lit = 0; lit < 8; ++lit) {
    Array image = make_array(DType::u8, {1, 8, 1});
    image.as<uint8_t>()[lit] = 240;
    EXPECT_GT(resize_image(image, 1, 1).as<uint8_t>()[0], 10) << lit;
  }
}

TEST(Resize, GrowingInterpolatesBetweenNeighbours) {
  Array two = make_array(DType::u8, {1, 2, 1});
  two.as<uint8_t>()[1] = 100;
  EXPECT_EQ(values<uint8_t>(resize_image(two, 1, 4)), (std::vector<uint8_t>{0, 25, 75, 100}));
}

}  // namespace
}  // namespace elbo
