// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/selection.h"

#include <gtest/gtest.h>

#include <set>

#include "elbo/tasks/latent.h"
#include "elbo/tasks/testing.h"

namespace elbo {
namespace {

std::vector<int64_t> all_of(const Selection& s) { return spaced_rows(s.data->size(), 0); }

const TextColumn* column(const std::vector<TextColumn>& keys, const std::string& name) {
  for (const TextColumn& key : keys) {
    if (key.name == name) return &key;
  }
  return nullptr;
}

std::vector<TextColumn> keys_of(const Selection& s) {
  std::vector<int64_t> rows = all_of(s);
  return s.keys(rows, s.data->get(rows).y);
}

TEST(SelectRows, AFileThatIsNamedIsTakenWhole) {
  elbo::Run run = open_run(table_run());
  std::vector<int64_t> counted_up(240);
  for (size_t i = 0; i < counted_up.size(); ++i) counted_up[i] = static_cast<int64_t>(i) + 1;
  Path copy = test_folder() / "copy.csv";
  write_file(copy, read_text(table_file()));
  for (const Path& file : {table_file(), copy}) {
    Selection s = select_rows(run, file.string());
    EXPECT_EQ(s.split, "all");
    EXPECT_TRUE(s.is_whole);
    EXPECT_EQ(s.numbers(all_of(s)), counted_up) << file;
  }
  EXPECT_EQ(select_rows(run, copy.string()).text, "240 rows of copy");
  EXPECT_EQ(select_rows(run, table_file().string()).text,
            "240 rows of table; 195 of them were trained on");
}

// What is written of a row is what the row itself gives, whichever way it was asked for.
TEST(SelectRows, ARowIsTheSameInEverySplit) {
  elbo::Run run = open_run(table_run());
  Selection whole = select_rows(run, "", "all");
  Tensor mean = encode(run, *whole.data, all_of(whole)).mean;
  std::set<int64_t> seen;
  for (const char* split : {"train", "valid", "test"}) {
    Selection s = select_rows(run, "", split);
    EXPECT_FALSE(s.is_whole);
    Tensor part = encode(run, *s.data, all_of(s)).mean;
    std::vector<int64_t> numbers = s.numbers(all_of(s));
    for (size_t i = 0; i < numbers.size(); ++i) {
      EXPECT_TRUE(seen.insert(numbers[i]).second) << numbers[i];
      EXPECT_TRUE(at::equal(part[static_cast<int64_t>(i)], mean[numbers[i] - 1]));
    }
  }
  EXPECT_EQ(seen.size(), 240u);
  EXPECT_EQ(*seen.begin(), 1);
}

TEST(SelectRows, WithoutAFileTheRowsHeldOutAreTaken) {
  elbo::Run run = open_run(table_run());
  Selection s = select_rows(run, "");
  EXPECT_EQ(s.split, "test");
  EXPECT_EQ(s.text, "24 test rows of table");
  EXPECT_EQ(s.numbers(all_of(s)), select_rows(run, "", "test").numbers(all_of(s)));
  EXPECT_EQ(select_rows(run, table_file().string(), "held-out").data->size(), 24);
}

TEST(SelectRows, RowsSayTheirSplitWhereThereAreSeveral) {
  elbo::Run run = open_run(table_run());
  Selection whole = select_rows(run, "", "all");
  std::vector<TextColumn> keys = keys_of(whole);
  const TextColumn* split = column(keys, "split");
  ASSERT_TRUE(split);
  for (const char* name : {"train", "valid", "test"}) {
    Selection s = select_rows(run, "", name);
    EXPECT_FALSE(column(keys_of(s), "split")) << "one split says nothing";
    EXPECT_EQ(std::count(split->cells.begin(), split->cells.end(), name), s.data->size());
    for (int64_t number : s.numbers(all_of(s))) EXPECT_EQ(split->cells[size_t(number - 1)], name);
  }
}

TEST(SelectRows, RowsBeyondTheLimitAreUnused) {
  elbo::Run run =
      open_run(train_tiny("limited", table_file(), "data.target = 'kind'\ndata.limit = 60"));
  Selection whole = select_rows(run, table_file().string());
  EXPECT_EQ(whole.data->size(), 240);
  const std::vector<TextColumn> keys = keys_of(whole);
  const TextColumn* split = column(keys, "split");
  ASSERT_TRUE(split);
  EXPECT_EQ(std::count(split->cells.begin(), split->cells.end(), "unused"), 180);
  EXPECT_EQ(split->cells.back(), "unused");
}

TEST(SelectRows, ATestSetOfTheFilesOwnComesLastWithItsOwnNumbers) {
  Array x = make_array(DType::f32, {30, 3}), y = make_array(DType::f32, {8, 3});
  for (size_t i = 0; i < x.as<float>().size(); ++i) x.as<float>()[i] = float(i % 11);
  Path file = test_folder() / "own-test.npz";
  write_file(file, encode_npz({{"x", x}, {"x_test", y}}));
  elbo::Run run = open_run(train_tiny("own-test", file));
  Selection whole = select_rows(run, file.string());
  EXPECT_EQ(whole.data->size(), 38);
  std::vector<int64_t> numbers = whole.numbers(all_of(whole));
  EXPECT_EQ(numbers[29], 30);
  EXPECT_EQ(numbers[30], 1);
  const std::vector<TextColumn> keys = keys_of(whole);
  const TextColumn* split = column(keys, "split");
  ASSERT_TRUE(split);
  EXPECT_EQ(split->cells[30], "test");
  EXPECT_EQ(split->cells[37], "test");
  EXPECT_EQ(std::count(split->cells.begin(), split->cells.end(), "test"), 8);
}

TEST(SelectRows, RowsHaveTheirLabels) {
  elbo::Run run = open_run(table_run());
  const std::vector<TextColumn> keys = keys_of(select_rows(run, table_file().string()));
  EXPECT_EQ(keys.front().name, "row");
  const TextColumn* kind = column(keys, "kind");
  ASSERT_TRUE(kind);
  EXPECT_EQ(kind->cells[0], "big");
  EXPECT_EQ(kind->cells[1], "small");
}

TEST(SelectRows, NumbersOfRowsAreFoundWhereTheyStand) {
  elbo::Run run = open_run(table_run());
  Selection held_out = select_rows(run, "");
  std::vector<int64_t> numbers = held_out.numbers(all_of(held_out));
  EXPECT_EQ(held_out.places(numbers, "from"), all_of(held_out));
  int64_t absent = 1;
  while (std::count(numbers.begin(), numbers.end(), absent)) ++absent;
  for (int64_t number : {absent, int64_t{0}, int64_t{241}}) {
    try {
      held_out.places(std::span(&number, 1), "from");
      FAIL() << number;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::usage);
      EXPECT_TRUE(e.message().starts_with(
          fmt::format("from: row {} is not among 24 test rows of table\n", number)))
          << e.message();
    }
  }
}

TEST(SelectRows, RefusesASplitThatIsNotThere) {
  elbo::Run run = open_run(table_run());
  Path other = test_folder() / "other.csv";
  write_file(other, "width,height\n800,8\n600,6\n");
  EXPECT_THROW(select_rows(run, other.string(), "valid"), Error);
  EXPECT_THROW(select_rows(run, other.string(), "test"), Error);
  EXPECT_EQ(select_rows(run, other.string(), "train").text, "2 rows of other");
  EXPECT_EQ(select_rows(run, other.string(), "held-out").data->size(), 2);
}

TEST(SelectRows, FindsDataThatMovedAndRefusesOthersInTheirPlace) {
  Path here = test_folder() / "here.csv", there = test_folder() / "there.csv";
  write_file(here, read_text(table_file()));
  elbo::Run run = open_run(train_tiny("moved", here, "data.target = 'kind'"));
  std::filesystem::rename(here, there);
  EXPECT_THROW(select_rows(run, ""), Error);
  move_data(run.config.data, there.string());
  EXPECT_EQ(select_rows(run, "").text, "24 test rows of there");
  EXPECT_EQ(select_rows(run, there.string()).text,
            "240 rows of there; 195 of them were trained on");
  write_file(there, read_text(table_file()) + "500,5,small\n");
  EXPECT_THROW(select_rows(run, ""), Error);
}

}  // namespace
}  // namespace elbo
