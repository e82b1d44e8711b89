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
        expect_equal(parse_png(encode_png(image), "a.png").pixels, image);
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
TEST(Png, AlphaAndPalettesComeOutAsPlainBytes) {
  auto pixels = [](const char* name, Alpha alpha = Alpha::white) {
    PictureOptions options;
    options.alpha = alpha;
    return values<uint8_t>(parse_png(read_file(seed("png") / name), name, options).pixels);
  };
  using Pixels = std::vector<uint8_t>;
  EXPECT_EQ(pixels("rgba.png"),  // red, half red, clear, black
            (Pixels{255, 0, 0, 255, 127, 127, 255, 255, 255, 0, 0, 0}));
  EXPECT_EQ(pixels("rgba.png", Alpha::black), (Pixels{255, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(pixels("rgba.png", Alpha::itself), (Pixels{255, 128, 0, 255}));
  EXPECT_EQ(pixels("grey_alpha.png"), (Pixels{0, 255, 127, 10}));
  EXPECT_EQ(pixels("palette.png"), (Pixels{1, 2, 3, 40, 50, 60, 40, 50, 60, 1, 2, 3}));
  EXPECT_EQ(pixels("one_bit.png"), (Pixels{0, 255, 255, 0}));
  EXPECT_EQ(pixels("interlaced.png"), (Pixels{1, 2, 3, 4}));
}

TEST(Png, SixteenBitsAreKept) {
  Array image = parse_png(read_file(seed("png/grey16.png")), "grey16.png").pixels;
  EXPECT_EQ(image.dtype, DType::u16);
  EXPECT_EQ(values<uint16_t>(image), (std::vector<uint16_t>{0, 0xFFFF, 0x8000, 0x0101}));
  std::vector<int> deep = {1, 2, 3, 65535, 900, 0, 40000, 40001, 40002, 0, 0, 65535};  // clear: 0
  Array colour = parse_png(any_png(2, 2, 16, 2, deep), "a.png").pixels;
  EXPECT_EQ(values<uint16_t>(colour), (std::vector<uint16_t>(deep.begin(), deep.end())));
  Picture over = parse_png(any_png(1, 2, 16, 4, {900, 65535, 900, 0}), "a.png");
  EXPECT_EQ(values<uint16_t>(over.pixels), (std::vector<uint16_t>{900, 65535}));
  EXPECT_TRUE(over.has_alpha);
  EXPECT_FALSE(parse_png(any_png(1, 1, 8, 4, {9, 255}), "a.png").has_alpha) << "nothing shows";
}

// Where each orientation puts the first row of the picture to be looked at, by its first and last
// pixel: 0 is the file's first pixel, numbered along its rows of 3, of which there are 2.
TEST(Exif, EachOrientationTurnsAsTheStandardSays) {
  const int first[] = {0, 2, 5, 3, 0, 3, 5, 2}, last[] = {2, 0, 3, 5, 3, 0, 2, 5};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    for (bool little : {false, true}) {
      Bytes png = any_png(2, 3, 8, 0, {0, 1, 2, 3, 4, 5}, exif_of(orientation, little));
      Picture picture = parse_png(png, "a.png");
      bool sideways = orientation >= 5;
      ASSERT_EQ(picture.pixels.shape,
                (sideways ? std::vector<int64_t>{3, 2, 1} : std::vector<int64_t>{2, 3, 1}));
      EXPECT_EQ(picture.was_turned, orientation > 1);
      auto pixels = values<uint8_t>(picture.pixels);
      EXPECT_EQ(pixels[0], first[orientation - 1]) << orientation;
      EXPECT_EQ(pixels[sideways ? 1 : 2], last[orientation - 1]) << orientation;
    }
  }
}

TEST(Exif, TurningForthAndBackChangesNothing) {
  const int back[] = {1, 2, 3, 4, 5, 8, 7, 6};
  Array image = noise({4, 7, 3}, 5);
  for (int o = 1; o <= 8; ++o) {
    expect_equal(turn_upright(turn_upright(image, o), back[o - 1]), image);
  }
}

TEST(Exif, WhatCannotBeUnderstoodIsUpright) {
  for (bool little : {false, true}) {
    Bytes whole = exif_of(6, little);
    EXPECT_EQ(exif_orientation(whole), 6);
    for (size_t n = 0; n < 22; ++n) EXPECT_EQ(exif_orientation(std::span(whole).first(n)), 1) << n;
    EXPECT_EQ(exif_orientation(exif_of(9, little)), 1);
    EXPECT_EQ(exif_orientation(exif_of(0, little)), 1);
  }
  EXPECT_EQ(exif_orientation(as_bytes("II*")), 1);
  EXPECT_EQ(exif_orientation({}), 1);
}

TEST(Jpeg, ExifTurnsItToo) {
  Bytes jpeg = read_file(seed("jpeg/halves.jpg"));  // 16 wide, 8 high: black left, white right
  std::string exif = "Exif" + std::string(2, '\0');
  Bytes body(as_bytes(exif).begin(), as_bytes(exif).end()), tiff = exif_of(6), segment;
  body.insert(body.end(), tiff.begin(), tiff.end());
  put_big(segment, 0xFFE1, 2), put_big(segment, body.size() + 2, 2);
  segment.insert(segment.end(), body.begin(), body.end());
  jpeg.insert(jpeg.begin() + 2, segment.begin(), segment.end());
  Picture picture = parse_jpeg(jpeg, "a.jpg");
  EXPECT_TRUE(picture.was_turned);
  ASSERT_EQ(picture.pixels.shape, (std::vector<int64_t>{16, 8, 1}));
  EXPECT_LT(picture.pixels.as<uint8_t>()[0], 10);
  EXPECT_GT(picture.pixels.as<uint8_t>()[16 * 8 - 1], 245);
  PictureOptions small{.height = 4, .width = 2};
  Array reduced = parse_jpeg(jpeg, "a.jpg", small).pixels;
  EXPECT_EQ(reduced.shape, (std::vector<int64_t>{4, 2, 1}));
  EXPECT_LT(reduced.as<uint8_t>()[0], 10);
}

TEST(Png, ClaimsThatTheBytesCannotHoldAreRefused) {
  Bytes bytes = read_file(seed("png") / "huge.png");
  EXPECT_EQ(message_of([&] { parse_png(bytes, "a.png"); }),
            "a.png: 1000000 x 1000000 pixels, more than the 67108864 allowed\n"
            "To read it smaller: --reader image-folder --reader.resize 64,64");
  EXPECT_EQ(message_of([&] { parse_png(bytes, "a.png", {.max_pixels = int64_t{1} << 40}); }),
            fmt::format("a.png: {} bytes cannot hold the 1000000 x 1000000 pixels claimed",
                        bytes.size()));
  EXPECT_EQ(message_of([&] { parse_png(as_bytes("GIF89a"), "a.png"); }),
            "a.png: not a PNG file: expected \\x89PNG at byte 0");
}

// The file is Pillow's; a flat picture survives JPEG to the last bit.
TEST(Jpeg, FlatPicturesAreReadExactly) {
  Array grey = parse_jpeg(read_file(seed("jpeg/grey.jpg")), "grey.jpg").pixels;
  EXPECT_EQ(grey.shape, (std::vector<int64_t>{8, 8, 1}));
  EXPECT_EQ(values<uint8_t>(grey), std::vector<uint8_t>(64, 100));
  Array colour = parse_jpeg(read_file(seed("jpeg/progressive.jpg")), "progressive.jpg").pixels;
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

// Pillow made it of one colour, ink by ink.
TEST(Jpeg, InksBecomeRedGreenAndBlue) {
  Bytes cmyk = read_file(seed("jpeg/cmyk.jpg"));
  Picture picture = parse_jpeg(cmyk, "cmyk.jpg");
  EXPECT_TRUE(picture.was_cmyk);
  ASSERT_EQ(picture.pixels.shape, (std::vector<int64_t>{8, 8, 3}));
  auto pixels = values<uint8_t>(picture.pixels);
  for (size_t i = 0; i < pixels.size(); ++i) EXPECT_EQ(pixels[i], pixels[i % 3]);
}

TEST(Jpeg, FaultsAreNamed) {
  Bytes cmyk = read_file(seed("jpeg/cmyk.jpg"));
  EXPECT_EQ(message_of([&] { parse_jpeg(cmyk, "a.jpg", {.max_pixels = 63}); }),
            "a.jpg: 8 x 8 pixels, more than the 63 allowed\n"
            "To read it smaller: --reader image-folder --reader.resize 64,64");
  EXPECT_EQ(message_of([&] { parse_jpeg(std::span(cmyk).first(30), "a.jpg"); }),
            "a.jpg: damaged JPEG: Premature end of JPEG file\n"
            "The file is no whole JPEG; get it again.");
}

TEST(Resize, ComesBeforeTheLimitOfSize) {
  PictureOptions options{.height = 2, .width = 2, .max_pixels = 4};
  Bytes jpeg = read_file(seed("jpeg/grey.jpg"));
  EXPECT_EQ(values<uint8_t>(parse_jpeg(jpeg, "a.jpg", options).pixels),
            std::vector<uint8_t>(4, 100));
  Array image = noise({12, 9, 3}, 7);
  expect_equal(parse_png(encode_png(image), "a.png", options).pixels, resize_image(image, 2, 2));
  options.max_pixels = 1;
  EXPECT_EQ(message_of([&] { parse_png(encode_png(image), "a.png", options); }),
            "a.png: 9 x 12 pixels, more than the 64 allowed");
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

TEST(Resize, SixteenBitsKeepTheirValues) {
  Array image = make_array(DType::u16, {4, 4, 1});
  for (size_t i = 0; i < 16; ++i) image.as<uint16_t>()[i] = static_cast<uint16_t>(4000 * i);
  expect_equal(resize_image(image, 4, 4), image);
  for (uint16_t v : values<uint16_t>(resize_image(image, 1, 1))) EXPECT_NEAR(v, 30000, 1);
}

TEST(Resize, GrowingInterpolatesBetweenNeighbours) {
  Array two = make_array(DType::u8, {1, 2, 1});
  two.as<uint8_t>()[1] = 100;
  EXPECT_EQ(values<uint8_t>(resize_image(two, 1, 4)), (std::vector<uint8_t>{0, 25, 75, 100}));
}

TEST(Png, CarriesAText) {
  Array image = noise({5, 4, 3}, 2);
  Bytes file = encode_png(image, "decoded", "mean");
  expect_equal(parse_png(file, "a.png").pixels, image);
  EXPECT_NE(as_text(file).find(std::string("tEXtdecoded\0mean", 16)), std::string_view::npos);
  EXPECT_THROW(encode_png(image, "", "mean"), Error);
}

}  // namespace
}  // namespace elbo
