// SPDX-License-Identifier: Apache-2.0
#include "elbo/data/dataset.h"

#include <gtest/gtest.h>

#include <numeric>

#include "elbo/tensor/convert.h"
#include "elbo/tensor/testing.h"

namespace elbo {
namespace {

using testing::error_of;

/// Ten rows of three columns, 10 i + j in row i and column j, the class of a row its number.
DatasetPtr ten_rows() {
  Tensor x = 10 * at::arange(10, at::kFloat).unsqueeze(1) + at::arange(3, at::kFloat);
  Tensor mask = (x != 21).to(at::kByte);
  return make_dataset({to_array(x * mask), to_array(mask), to_array(at::arange(10))},
                      testing::table_schema(3));
}

Batch get(const Dataset& data, std::vector<int64_t> rows) { return data.get(rows); }

TEST(Dataset, GivesTheRowsAskedForInTheirOrder) {
  DatasetPtr data = ten_rows();
  Batch batch = get(*data, {7, 2, 7});
  EXPECT_TRUE(at::equal(
      batch.x, at::tensor({70.f, 71.f, 72.f, 20.f, 0.f, 22.f, 70.f, 71.f, 72.f}).view({3, 3})));
  EXPECT_TRUE(at::equal(batch.mask[1], at::tensor({1.f, 0.f, 1.f})));
  EXPECT_TRUE(at::equal(batch.index, at::tensor({7, 2, 7}, at::kLong)));
  EXPECT_TRUE(at::equal(batch.y, batch.index));
}

TEST(Dataset, SubsetKeepsTheRowsOfTheBase) {
  DatasetPtr part = subset(ten_rows(), {9, 4, 5}), nested = subset(part, {2, 0});
  EXPECT_EQ(part->size(), 3);
  EXPECT_EQ(nested->size(), 2);
  Batch batch = get(*nested, {1, 0});
  EXPECT_TRUE(at::equal(batch.index, at::tensor({9, 5}, at::kLong)));
  EXPECT_TRUE(at::equal(batch.x, get(*ten_rows(), {9, 5}).x));
  EXPECT_EQ(error_of([&] { subset(part, {0, 3}); }), "usage: row 3 of a data set of 3");
  EXPECT_EQ(error_of([&] { subset(part, {-1}); }), "usage: row -1 of a data set of 3");
}

TEST(Dataset, BatchesCoverAllOnceInOrder) {
  DatasetPtr data = subset(ten_rows(), {8, 6, 4, 2, 0});
  for (int64_t size : {1, 2, 5, 7}) {
    std::vector<Tensor> x, index;
    for_each_batch(*data, size, [&](Batch batch) {
      EXPECT_LE(batch.size(), size);
      x.push_back(batch.x), index.push_back(batch.index);
    });
    EXPECT_TRUE(at::equal(at::cat(index), at::tensor({8, 6, 4, 2, 0}, at::kLong)));
    EXPECT_TRUE(at::equal(at::cat(x), get(*data, {0, 1, 2, 3, 4}).x));
  }
}

TEST(Dataset, SubsetsKnowTheirRowsAndNamesInTheSource) {
  Tensor x = at::arange(4, at::kFloat).unsqueeze(1);
  RawSet set{to_array(x), {}, {}};
  set.ids = {"a", "b", "c", "d"};
  DatasetPtr data = make_dataset(set, testing::table_schema(1));
  DatasetPtr nested = subset(subset(data, {3, 1, 2}), {2, 0});
  std::vector<int64_t> both = {0, 1}, turned = {1, 0};
  EXPECT_EQ(nested->ids(both), (std::vector<std::string>{"c", "d"}));
  EXPECT_EQ(nested->ids(turned), (std::vector<std::string>{"d", "c"}));
  EXPECT_EQ(nested->source_row(0), 2);
  EXPECT_EQ(nested->source_row(1), 3);
  EXPECT_TRUE(ten_rows()->ids(both).empty());
}

TEST(Dataset, JoinedRowsAreThoseOfEachInTheOrderAskedFor) {
  DatasetPtr first = subset(ten_rows(), {8, 9}), second = ten_rows();
  DatasetPtr data = joined(first, second);
  EXPECT_EQ(data->size(), 12);
  for (const std::vector<int64_t>& rows : {std::vector<int64_t>{0, 1}, {5, 2}, {4, 1, 4, 0, 11}}) {
    Batch batch = get(*data, rows);
    ASSERT_EQ(batch.size(), static_cast<int64_t>(rows.size()));
    for (size_t i = 0; i < rows.size(); ++i) {
      bool is_first = rows[i] < 2;
      Batch one = get(is_first ? *first : *second, {is_first ? rows[i] : rows[i] - 2});
      auto at = static_cast<int64_t>(i);
      EXPECT_TRUE(at::equal(batch.x[at], one.x[0]));
      EXPECT_TRUE(at::equal(batch.mask[at], one.mask[0]));
      EXPECT_TRUE(at::equal(batch.y[at], one.y[0]));
      EXPECT_TRUE(at::equal(batch.index[at], one.index[0]));
      EXPECT_EQ(data->source_row(rows[i]), one.index[0].item<int64_t>());
    }
  }
}

// One of the two may lack a mask.
TEST(Dataset, JoinedRowsHaveAMaskWhereEitherHas) {
  Tensor x = at::ones({2, 3});
  DatasetPtr plain = make_dataset({to_array(x), {}, {}}, testing::table_schema(3));
  Batch batch = get(*joined(plain, ten_rows()), {4, 0});
  EXPECT_TRUE(at::equal(batch.mask, at::tensor({1.f, 0.f, 1.f, 1.f, 1.f, 1.f}).view({2, 3})));
  EXPECT_FALSE(batch.y.defined());
}

TEST(Dataset, ImagesHaveChannelsFirst) {
  Tensor colour = at::arange(2 * 4 * 5 * 3).view({2, 4, 5, 3}).to(at::kByte);
  DatasetPtr data = make_dataset({to_array(colour), {}, {}}, testing::image_schema(3, 4, 5));
  Batch batch = get(*data, {1, 0});
  EXPECT_EQ(batch.x.sizes(), at::IntArrayRef({2, 3, 4, 5}));
  EXPECT_EQ(batch.x.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(batch.x[0].permute({1, 2, 0}), colour[1].to(at::kFloat)));
  EXPECT_FALSE(batch.mask.defined() || batch.y.defined());

  Tensor grey = colour.select(3, 1).contiguous();
  for (const Tensor& raw : {grey, grey.unsqueeze(3)}) {
    data = make_dataset({to_array(raw), {}, {}}, testing::image_schema(1, 4, 5));
    EXPECT_TRUE(at::equal(get(*data, {1}).x, grey[1].view({1, 1, 4, 5}).to(at::kFloat)));
  }
}

}  // namespace
}  // namespace elbo
