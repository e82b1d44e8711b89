// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <png.h>

#include "elbo/core/rng.h"
#include "elbo/io/image.h"

namespace elbo {
namespace {

Array noise(std::vector<int64_t> shape) {
  Array out = make_array(DType::u8, std::move(shape));
  Rng rng(7);
  for (uint8_t& v : out.as<uint8_t>()) v = static_cast<uint8_t>(rng.below(256));
  return out;
}

Array decode(const Bytes& bytes, bool grey) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  EXPECT_TRUE(png_image_begin_read_from_memory(&png, bytes.data(), bytes.size())) << png.message;
  png.format = grey ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  Array out = make_array(DType::u8, {png.height, png.width, grey ? 1 : 3});
  EXPECT_TRUE(png_image_finish_read(&png, nullptr, out.data.data(), 0, nullptr)) << png.message;
  return out;
}

TEST(EncodePng, DecodesToTheSamePixels) {
  for (std::vector<int64_t> shape :
       {std::vector<int64_t>{1, 1, 1}, {28, 27, 1}, {5, 300, 3}, {300, 5, 3}}) {
    Array image = noise(shape);
    Array back = decode(encode_png(image), shape[2] == 1);
    EXPECT_EQ(back.shape, shape);
    EXPECT_EQ(back.data, image.data);
  }
}

TEST(EncodePng, CompressesAnEmptyImage) {
  EXPECT_LT(encode_png(make_array(DType::u8, {500, 500, 1})).size(), 2000u);
}

TEST(EncodePng, RefusesWhatIsNoImage) {
  EXPECT_THROW(encode_png(make_array(DType::f32, {4, 4, 1})), Error);
  EXPECT_THROW(encode_png(make_array(DType::u8, {4, 4})), Error);
  EXPECT_THROW(encode_png(make_array(DType::u8, {4, 4, 2})), Error);
  EXPECT_THROW(encode_png(make_array(DType::u8, {0, 4, 1})), Error);
}

TEST(ImageGrid, LaysImagesOutRowByRow) {
  Array images = make_array<uint8_t>(DType::u8, {3, 1, 2, 1}, {1, 2, 3, 4, 5, 6});
  Array grid = image_grid(images, 2, 1, 1, 9);
  EXPECT_EQ(grid.shape, (std::vector<int64_t>{3, 5, 1}));
  EXPECT_EQ(grid.data, make_array<uint8_t>(DType::u8, {15},
                                           {1, 2, 9, 3, 4,  //
                                            9, 9, 9, 9, 9,  //
                                            5, 6, 9, 9, 9})
                           .data);
}

TEST(ImageGrid, ScaleRepeatsPixelsAndChannelsStayTogether) {
  Array images = make_array<uint8_t>(DType::u8, {1, 1, 2, 3}, {1, 2, 3, 4, 5, 6});
  Array grid = image_grid(images, 8, 5, 2);
  EXPECT_EQ(grid.shape, (std::vector<int64_t>{2, 4, 3}));
  std::vector<uint8_t> row = {1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6};
  auto pixels = grid.as<uint8_t>();
  EXPECT_EQ(std::vector<uint8_t>(pixels.begin(), pixels.begin() + 12), row);
  EXPECT_EQ(std::vector<uint8_t>(pixels.begin() + 12, pixels.end()), row);
}

TEST(ImageGrid, RefusesWhatCannotBeLaidOut) {
  EXPECT_THROW(image_grid(make_array(DType::u8, {2, 4, 4}), 2), Error);
  EXPECT_THROW(image_grid(make_array(DType::u8, {2, 4, 4, 1}), 0), Error);
  EXPECT_THROW(image_grid(make_array(DType::u8, {2, 4, 4, 1}), 2, -1), Error);
}

}  // namespace
}  // namespace elbo
