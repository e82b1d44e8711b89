// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/raw.h"

#include <cmath>

#include "elbo/core/rng.h"
#include "elbo/io/testing.h"

namespace elbo {
namespace {

using Shape = std::vector<int64_t>;
using Texts = std::vector<std::string>;

RawData images(const std::vector<float>& values) {
  RawData out;
  out.kind = "image";
  out.train.x = make_array(DType::f32, {1, 1, static_cast<int64_t>(values.size())}, values);
  return out;
}

ValueRange range_for(const std::vector<float>& values) {
  RawData data = images(values);
  learn_range(data, {}, "a.npy");
  return data.range;
}

TEST(IsImage, GoesByTypeAndShape) {
  EXPECT_TRUE(is_image(DType::u8, Shape{9, 1, 5}));
  EXPECT_TRUE(is_image(DType::u8, Shape{9, 4, 5, 3}));
  EXPECT_TRUE(is_image(DType::f32, Shape{9, 3, 4, 5}));
  EXPECT_TRUE(is_image(DType::u16, Shape{9, 12, 12}));
  EXPECT_TRUE(is_image(DType::boolean, Shape{9, 8, 32}));
  EXPECT_FALSE(is_image(DType::f32, Shape{9, 8, 33})) << "sequences of 33 numbers";
  EXPECT_FALSE(is_image(DType::f64, Shape{9, 100, 7}));
  EXPECT_FALSE(is_image(DType::u8, Shape{9, 5, 5, 4}));
  EXPECT_FALSE(is_image(DType::u8, Shape{9, 25}));
  EXPECT_FALSE(is_image(DType::u8, Shape{9}));
  EXPECT_FALSE(is_image(DType::u8, Shape{2, 9, 4, 5, 3}));
}

TEST(LearnRange, HoldsAllValuesAndIsNotMuchWider) {
  Rng rng(1, "range");
  for (int i = 0; i < 300; ++i) {
    std::vector<float> values;
    double size = std::exp(20 * rng.uniform() - 8), shift = i % 3 == 0 ? 0 : rng.uniform() - 0.5;
    for (int k = 0; k < 5; ++k) {
      double v = size * (rng.uniform() + shift);
      values.push_back(static_cast<float>(i % 2 ? std::round(v) : v));
    }
    auto [low, high] = std::minmax_element(values.begin(), values.end());
    if (*low == *high) continue;
    ValueRange range = range_for(values);
    EXPECT_LE(range.lo, *low);
    EXPECT_GE(range.hi, *high);
    EXPECT_LE(range.hi - range.lo, 16 * (double{*high} - *low)) << *low << " " << *high;
    EXPECT_EQ(range, range_for({*low, *high, values[0]}));
  }
}

TEST(LearnRange, WholeNumbersHaveTheScaleOfTheirBits) {
  auto of = [](std::vector<float> values) {
    ValueRange r = range_for(values);
    return std::pair(r.lo, r.hi);
  };
  auto to = [](double hi) { return std::pair(0.0, hi); };
  EXPECT_EQ(of({0, 1, 1}), to(1));
  EXPECT_EQ(of({0, 15, 3}), to(15));
  EXPECT_EQ(of({0, 16, 3}), to(16)) << "the 8 x 8 digits";
  EXPECT_EQ(of({0, 31, 3}), to(31));
  EXPECT_EQ(of({0, 100, 3}), to(100)) << "per cent";
  EXPECT_EQ(of({0, 99, 3}), to(127));
  EXPECT_EQ(of({0, 254, 3}), to(255));
  EXPECT_EQ(of({7, 900, 30}), to(1023));
  EXPECT_EQ(of({0, 4094, 30}), to(4095));
  EXPECT_EQ(of({0, 65535, 30}), to(65535));
  EXPECT_EQ(of({29000, 32000, 30000}), std::pair(29000.0, 32000.0)) << "a thermal camera";
  EXPECT_EQ(of({-1024, 3071, 0}), std::pair(-1024.0, 4095.0)) << "tomography";
  EXPECT_EQ(of({-128, 127, 0}), std::pair(-128.0, 127.0));
  EXPECT_EQ(of({-7, -1, -2}), std::pair(-8.0, 0.0));
}

TEST(LearnRange, FractionsHaveTheirOwn) {
  EXPECT_EQ(range_for({0, 0.99f, 0.5f}), (ValueRange{0, 1}));
  EXPECT_EQ(range_for({-1, 0.99f, 0.5f}), (ValueRange{-1, 1}));
  EXPECT_EQ(range_for({0, 0.25f, 0.125f}), (ValueRange{0, 0.25}));
  EXPECT_EQ(range_for({-2.5f, 3.25f, 0}), (ValueRange{-2.5, 3.25}));
  EXPECT_EQ(range_for({200.5f, 300.25f, 250}), (ValueRange{200.5, 300.25}));
  EXPECT_EQ(range_for({1.5f, 300.25f, 250}), (ValueRange{0, 300.25}));
}

TEST(LearnRange, IsToldUnlessItIsThatOfBytes) {
  RawData data = images({0, 255, 7});
  learn_range(data, {}, "a.npy");
  EXPECT_EQ(data.range, ValueRange{});
  EXPECT_TRUE(data.notes.empty());
  data = images({0, 900, 7});
  learn_range(data, {}, "a.npy");
  EXPECT_EQ(data.notes, Texts{"pixels from 0 to 900: 0 is taken for black and 1023 for white"});
}

TEST(LearnRange, CountsTheTestSetAndLeavesMissingPixelsOut) {
  RawData data = images({0, 1, 900});
  data.train.mask = make_array<uint8_t>(DType::u8, {1, 1, 3}, {1, 1, 0});
  data.test = images({0, 12, 3}).train;
  learn_range(data, {}, "a.npy");
  EXPECT_EQ(data.range, (ValueRange{0, 15}));
}

TEST(LearnRange, IsAModelsWhereOneAsks) {
  ReadRequest request;
  request.range = ValueRange{0, 16};
  RawData data = images({5, 5, 5});
  learn_range(data, request, "a.npy");
  EXPECT_EQ(data.range, (ValueRange{0, 16}));
  EXPECT_TRUE(data.notes.empty());
  data = images({0, 17, 3});
  learn_range(data, request, "a.npy");
  EXPECT_EQ(data.notes, Texts{"pixels from 0 to 17 lie beyond the 0 to 16 of the data that the "
                              "model was trained on"});
}

TEST(LearnRange, NothingToSeeIsRefused) {
  EXPECT_EQ(message_of([] {
              range_for({255, 255});
            }),
            "a.npy: every pixel of every picture has the same value, 255: there is nothing to "
            "learn\nAre these the right files, and were they made without loss?");
}

TEST(ShapeExamples, BringsColumnsAndOtherShapesToWhatIsAsked) {
  auto shaped = [](Shape shape, Shape image) {
    ReadRequest request;
    request.image = std::move(image);
    shape_examples(shape, request, "a.npy");
    return shape;
  };
  EXPECT_EQ(shaped({5, 784}, {28, 28}), (Shape{5, 28, 28, 1}));
  EXPECT_EQ(shaped({5, 4, 64}, {4, 64}), (Shape{5, 4, 64, 1}));
  EXPECT_EQ(shaped({5, 3072}, {32, 32, 3}), (Shape{5, 32, 32, 3}));
  EXPECT_EQ(shaped({5, 3072}, {3, 32, 32}), (Shape{5, 3, 32, 32}));
  EXPECT_EQ(shaped({5, 3, 32, 32}, {32, 32, 3}), (Shape{5, 3, 32, 32})) << "both have that shape";
  EXPECT_EQ(shaped({5, 28, 28}, {28, 28, 1}), (Shape{5, 28, 28, 1}));
  EXPECT_EQ(shaped({5, 28, 28}, {}), (Shape{5, 28, 28}));
  EXPECT_EQ(message_of([&] {
              shaped({5, 785}, {28, 28});
            }),
            "a.npy: examples of 785 numbers cannot be images of 28x28, which have 784");
  ReadRequest request;
  request.as_table = true;
  Shape shape = {5, 28, 28};
  shape_examples(shape, request, "a.npy");
  EXPECT_EQ(shape, (Shape{5, 784}));
}

TEST(TakeAsImages, MakesBytesOfATableOfBytes) {
  RawData data;
  data.kind = "table";
  data.column_names = {"p1", "p2", "p3", "p4", "p5", "p6"};
  data.train.x = make_array<float>(DType::f32, {2, 6}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255});
  RawData table = data;
  take_as_images(table, {}, "a.csv");
  EXPECT_EQ(table.kind, "table");
  ReadRequest request;
  request.image = {2, 3};
  take_as_images(data, request, "a.csv");
  EXPECT_EQ(data.kind, "image");
  EXPECT_TRUE(data.column_names.empty());
  EXPECT_EQ(data.train.x.dtype, DType::u8);
  EXPECT_EQ(data.train.x.shape, (Shape{2, 2, 3}));
  EXPECT_EQ(values<uint8_t>(data.train.x),
            (std::vector<uint8_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255}));
  EXPECT_EQ(data.range, ValueRange{});
}

TEST(TakeAsImages, TurnsColoursThatComeOneAfterAnother) {
  RawData data;
  data.kind = "table";
  data.train.x = make_array<float>(DType::f32, {1, 6}, {0, 1, 2, 3, 4, 5.5});
  data.train.mask = make_array<uint8_t>(DType::u8, {1, 6}, {1, 0, 1, 1, 1, 1});
  ReadRequest request;
  request.image = {3, 1, 2};
  take_as_images(data, request, "a.csv");
  EXPECT_EQ(data.train.x.shape, (Shape{1, 1, 2, 3}));
  EXPECT_EQ(values<float>(data.train.x), (std::vector<float>{0, 2, 4, 1, 3, 5.5}));
  EXPECT_EQ(values<uint8_t>(data.train.mask), (std::vector<uint8_t>{1, 1, 1, 0, 1, 1}));
}

TEST(SuggestImages, SquaresOfPixelsAndNothingElse) {
  auto suggested = [](int64_t columns, std::vector<float> ends) {
    RawData data;
    data.kind = "table";
    data.train.x = make_array(DType::f32, {1, columns});
    std::copy(ends.begin(), ends.end(), data.train.x.as<float>().begin());
    suggest_images(data);
    return data.notes.empty() ? "" : data.notes[0].substr(data.notes[0].rfind("--image") + 8);
  };
  EXPECT_EQ(suggested(784, {0, 255}), "28x28");
  EXPECT_EQ(suggested(64, {0, 16}), "8x8");
  EXPECT_EQ(suggested(784, {0, 0.5f}), "28x28");
  EXPECT_EQ(suggested(3072, {0, 255}),
            "32x32x3 (or 3x32x32, where the colours come one after "
            "another)");
  EXPECT_EQ(suggested(784, {0, 256}), "") << "no byte";
  EXPECT_EQ(suggested(784, {0, 2.5f}), "");
  EXPECT_EQ(suggested(784, {-1, 1}), "");
  EXPECT_EQ(suggested(783, {0, 255}), "");
  EXPECT_EQ(suggested(49, {0, 255}), "") << "as well a table of 49 columns";
}

TEST(ClassNames, AreInOrderOrThoseOfTheModel) {
  EXPECT_EQ(class_names({"b", "a"}, {}, "f"), (Texts{"a", "b"}));
  EXPECT_EQ(class_names({"10", "9", "-1"}, {}, "f"), (Texts{"-1", "9", "10"}));
  EXPECT_EQ(class_names({"b"}, {"c", "b", "a"}, "f"), (Texts{"c", "b", "a"}));
  EXPECT_EQ(message_of([] {
              class_names({"b", "x"}, {"a", "b"}, "f");
            }),
            "f: the class 'x' is unknown to the model\nIt knows a, b.");
}

TEST(FillLabels, AModelsClassesDoNotShift) {
  RawData data;
  data.train.x = make_array(DType::f32, {3, 1});
  fill_labels(data, {{}, "y", {"dog", "cow", "dog"}}, {}, {"ant", "cow", "dog"});
  EXPECT_EQ(data.label_names, (Texts{"ant", "cow", "dog"}));
  EXPECT_EQ(values<int64_t>(data.train.y), (std::vector<int64_t>{2, 1, 2}));
  fill_labels(data, {make_array<int32_t>(DType::i32, {3}, {7, 5, 7}), "y"}, {}, {"4", "5", "7"});
  EXPECT_EQ(values<int64_t>(data.train.y), (std::vector<int64_t>{2, 1, 2}));
  EXPECT_EQ(message_of([&] {
              fill_labels(data, {make_array<int32_t>(DType::i32, {3}, {7, 6, 7}), "y"}, {},
                          {"4", "5", "7"});
            }),
            "y: the class '6' is unknown to the model\nIt knows 4, 5, 7.");
}

}  // namespace
}  // namespace elbo
