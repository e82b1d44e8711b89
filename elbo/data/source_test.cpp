// SPDX-License-Identifier: Apache-2.0
#include "elbo/data/source.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <limits>

#include "elbo/io/npy.h"
#include "elbo/tensor/convert.h"
#include "elbo/tensor/testing.h"

namespace elbo {
namespace {

using testing::error_of;

class SourceTest : public ::testing::Test {
 protected:
  SourceTest()
      : folder(make_unique_folder(std::filesystem::temp_directory_path(), "elbo-source")) {}
  ~SourceTest() override { std::filesystem::remove_all(folder); }

  DataOptions data_of(const std::string& name, std::string_view bytes) {
    write_file(folder / name, bytes);
    DataOptions out;
    out.path = (folder / name).string();
    return out;
  }
  DataOptions npy_of(const std::string& name, const Tensor& x) {
    Bytes bytes = encode_npy(to_array(x));
    return data_of(name, as_text(bytes));
  }

  Path folder;
};

void expect_equal(const Tensor& a, const Tensor& b, const char* what) {
  ASSERT_EQ(a.defined(), b.defined()) << what;
  if (!a.defined()) return;
  EXPECT_EQ(a.scalar_type(), b.scalar_type()) << what;
  EXPECT_EQ(a.strides(), b.strides()) << what;
  EXPECT_TRUE(at::equal(a, b)) << what;
}

void expect_same_batches(const DatasetPtr& a, const DatasetPtr& b) {
  ASSERT_EQ(a == nullptr, b == nullptr);
  if (!a) return;
  ASSERT_EQ(a->size(), b->size());
  for (int epoch = 0; epoch < 2; ++epoch) {
    std::vector<int64_t> rows = Rng(5, "rows", uint64_t(epoch)).permutation(a->size());
    rows.push_back(rows[0]);
    Batch from_a = a->get(rows), from_b = b->get(rows);
    expect_equal(from_a.x, from_b.x, "x");
    expect_equal(from_a.mask, from_b.mask, "mask");
    expect_equal(from_a.y, from_b.y, "y");
    expect_equal(from_a.index, from_b.index, "index");
  }
}

/// Data of every split are the same in memory and on disk.
void expect_same(DataOptions options) {
  SCOPED_TRACE(options.path);
  DataSource memory = open_data(options, 3);
  options.in_memory = 0;
  DataSource disk = open_data(options, 3);
  EXPECT_EQ(disk.schema.to_value(), memory.schema.to_value());
  EXPECT_EQ(disk.fingerprint, memory.fingerprint);
  EXPECT_EQ(disk.notes.size(), memory.notes.size() + 1);
  EXPECT_NE(disk.notes.back().find("stay on disk"), std::string::npos);
  expect_same_batches(memory.train, disk.train);
  expect_same_batches(memory.valid, disk.valid);
  expect_same_batches(memory.test, disk.test);
}

TEST_F(SourceTest, ImagesAreTheSameInMemoryAndOnDisk) {
  Tensor pixels = at::arange(40 * 4 * 5 * 3).remainder(251).to(at::kByte);
  expect_same(npy_of("grey.npy", pixels.view({120, 4, 5})));
  expect_same(npy_of("last.npy", pixels.view({40, 4, 5, 3})));
  expect_same(npy_of("first.npy", pixels.view({40, 3, 4, 5})));
}

TEST_F(SourceTest, TablesAreTheSameInMemoryAndOnDisk) {
  Tensor x = at::arange(300, at::kDouble).view({60, 5}).sin();
  expect_same(npy_of("whole.npy", x));
  x[17][3] = std::numeric_limits<double>::quiet_NaN();
  DataOptions missing = npy_of("missing.npy", x);
  missing.reader = Part("npy");
  missing.reader.options["missing"] = "nan";
  npy_of("y.npy", at::arange(60).remainder(4));
  missing.target = "y.npy";
  missing.limit = 50;
  expect_same(missing);
  std::string text = "a,b,label\n";
  for (int i = 0; i < 60; ++i) text += fmt::format("{},{},{}\n", i, i % 7 ? "0.5" : "", i % 3);
  DataOptions csv = data_of("a.csv", text);
  csv.valid = 0.3;
  csv.test = 7;
  expect_same(csv);
}

TEST_F(SourceTest, ImageOptionMakesImagesOfColumnsAndColumnsOfImages) {
  DataOptions options = npy_of("columns.npy", at::arange(40 * 48).view({40, 48}).to(at::kByte));
  EXPECT_EQ(open_data(options, 0).schema.kind, "table");
  for (const char* image : {"6x8", "6x8x1", "1x6x8"}) {
    options.image = image;
    EXPECT_EQ(open_data(options, 0).schema.shape, (std::vector<int64_t>{1, 6, 8})) << image;
  }
  options.image = "4x4x3";
  Tensor together = open_data(options, 0).train->get(std::vector<int64_t>{0}).x;
  options.image = "3x4x4";
  Tensor apart = open_data(options, 0).train->get(std::vector<int64_t>{0}).x;
  EXPECT_EQ(together.sizes(), at::IntArrayRef({1, 3, 4, 4}));
  EXPECT_TRUE(at::equal(together.permute({0, 2, 3, 1}).flatten(), apart.flatten()));
  options = npy_of("images.npy", at::arange(40 * 48).view({40, 6, 8}).to(at::kByte));
  options.image = "none";
  EXPECT_EQ(open_data(options, 0).schema.shape, std::vector<int64_t>{48});
  for (const char* image : {"6", "6x", "x8", "6x8x2", "6*8", "0x8", "-6x8", "6x8x1x1", "6 x 8"}) {
    options.image = image;
    EXPECT_THROW(open_data(options, 0), Error) << image;
  }
}

TEST_F(SourceTest, AModelKeepsItsRangeItsShapeAndItsClasses) {
  DataOptions options = npy_of("digits.npy", at::arange(40 * 64).remainder(17).view({40, 8, 8}));
  npy_of("y.npy", at::arange(40).remainder(3));
  options.target = "y.npy";
  Schema model = open_data(options, 0).schema;
  EXPECT_EQ(model.range, (ValueRange{0, 16}));
  EXPECT_EQ(model.labels, (std::vector<std::string>{"0", "1", "2"}));
  DataOptions dark = npy_of("dark.npy", at::arange(40 * 64).remainder(3).view({40, 64}));
  EXPECT_EQ(open_data(dark, 0, &model).schema.range, model.range);
  EXPECT_EQ(open_data(dark, 0, &model).schema.shape, model.shape);
  model.kind = "table", model.shape = {64};
  EXPECT_EQ(open_data(options, 0, &model).schema.kind, "table");
}

TEST_F(SourceTest, RowsOfPixelsAreTakenAsPictures) {
  Tensor pixels = at::arange(60 * 16).remainder(256).view({60, 16});
  std::string text;
  for (int64_t r = 0; r < 60; ++r) {
    for (int64_t c = 0; c < 16; ++c)
      text += fmt::format("{}{}", c ? "," : "", pixels[r][c].item<int64_t>());
    text += "\n";
  }
  for (const char* image : {"4x4", "2x8", "4x4x1"}) {
    DataOptions csv = data_of("pixels.csv", text), npy = npy_of("pixels.npy", pixels.to(at::kByte));
    csv.image = npy.image = image;
    DataSource a = open_data(csv, 1), b = open_data(npy, 1);
    EXPECT_EQ(a.schema.kind, "image");
    EXPECT_EQ(a.schema.shape, b.schema.shape);
    expect_same_batches(a.train, b.train);
    expect_same(csv);
  }
  for (const char* wrong : {"4", "4x", "x4", "4x4x2", "4x4x3x1", "4,4", "0x4", "-4x4"}) {
    DataOptions options = data_of("pixels.csv", text);
    options.image = wrong;
    EXPECT_THROW(open_data(options, 1), Error) << wrong;
  }
}

TEST_F(SourceTest, OptionSaysHowMuchIsHeldInMemory) {
  DataOptions options = npy_of("a.npy", at::zeros({1024, 257}));  // 1,028 KiB
  options.in_memory = 1;
  EXPECT_EQ(open_data(options, 0).notes.size(), 1u);
  options.in_memory = 2;
  EXPECT_EQ(open_data(options, 0).notes.size(), 0u);
}

TEST_F(SourceTest, CountsOfRowsAreWholeNumbersThatThereAre) {
  DataOptions options = npy_of("counts.npy", at::zeros({40, 2}));
  const double inf = std::numeric_limits<double>::infinity();
  for (double asked : {1e19, 1e300, 9.1e15, 2.5, 1.0000001, std::nan(""), inf, -0.5, -2.0}) {
    for (bool is_test : {false, true}) {
      DataOptions wrong = options;
      (is_test ? wrong.test : wrong.valid) = asked;
      std::string error = error_of([&] { open_data(wrong, 0); });
      EXPECT_NE(error.find(": expected -1, a fraction below 1 or a whole number of rows, got "),
                std::string::npos)
          << asked << ": " << error;
    }
  }
  for (auto [asked, rows] : {std::pair(0.5, 20), {0.0, 0}, {1.0, 1}, {3.0, 3}, {0.999, 39}}) {
    options.valid = asked;
    options.test = 0;
    DataSource data = open_data(options, 0);
    EXPECT_EQ(data.valid ? data.valid->size() : 0, rows) << asked;
  }
}

TEST_F(SourceTest, AllRowsStandInTheOrderOfTheFile) {
  Tensor x = at::arange(120, at::kFloat).view({40, 3});
  DataOptions options = npy_of("order.npy", x);
  options.limit = 30;
  DataSource data = open_data(options, 7);
  EXPECT_FALSE(data.has_own_test);
  std::vector<int64_t> rows = spaced_rows(data.all->size(), 0);
  EXPECT_TRUE(at::equal(data.all->get(rows).x, x));
}

TEST_F(SourceTest, RowsAtOnceAreBoundedByTheirElements) {
  Schema schema;
  schema.shape = {1 << 20};
  EXPECT_EQ(rows_at_once(schema, 1000), 8);
  EXPECT_EQ(rows_at_once(schema, 7), 7);
  schema.shape = {int64_t{1} << 40};
  EXPECT_EQ(rows_at_once(schema, 7), 1);
}

}  // namespace
}  // namespace elbo
