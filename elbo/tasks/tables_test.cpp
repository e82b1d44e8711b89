// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/tables.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>

#include "elbo/tasks/families.h"
#include "elbo/tasks/testing.h"
#include "elbo/tensor/random.h"

namespace elbo {
namespace {

DataSource open_csv(const std::string& text, const std::string& target = "") {
  Path path = test_folder() / "small.csv";
  write_file(path, text);
  DataOptions options;
  options.path = path.string();
  options.target = target;
  options.valid = options.test = 0;
  return open_data(options, 0);
}

TEST(ColumnStatistics, CountOnlyWhatIsObserved) {
  DataSource data = open_csv("a,b\n1,5\n3,\n1,7\n3,6\n");
  std::vector<ColumnStatistics> columns = column_statistics(*data.train);
  ASSERT_EQ(columns.size(), 2u);
  EXPECT_EQ(columns[0].name, "a");
  EXPECT_EQ(columns[0].mean, 2);
  EXPECT_EQ(columns[0].sd, 1);
  EXPECT_EQ(columns[0].distinct, 2);
  EXPECT_EQ(columns[1].missing, 1);
  EXPECT_EQ(columns[1].mean, 6);
  EXPECT_EQ(columns[1].min, 5);
  EXPECT_EQ(columns[1].max, 7);
}

TEST(ColumnStatistics, FlagWhatIsOdd) {
  std::string text = "a,b,c,d,e\n";
  for (int i = 0; i < 40; ++i)
    text += fmt::format("{},5,{},{},{}\n", i * 7919 % 1009, i % 7, i % 7, i);
  DataSource data = open_csv(text);
  std::vector<ColumnStatistics> columns = column_statistics(*data.train);
  using Flags = std::vector<std::string>;
  EXPECT_EQ(columns[0].flags, Flags{"another whole number in every row"});
  EXPECT_EQ(columns[1].flags, Flags{"constant"});
  EXPECT_EQ(columns[2].flags, Flags{});
  EXPECT_EQ(columns[3].flags, Flags{"the same as 'c'"});
}

TEST(DuplicatedRows, AreThoseEqualToOneBefore) {
  EXPECT_EQ(duplicated_rows(*open_csv("a,b\n1,5\n3,\n1,5\n3,0\n3,\n1,5\n").train), 3);
  EXPECT_EQ(duplicated_rows(*open_csv("t,b\n1714521600,1\n1714521601,1\n1714521602,1\n").train), 0);
}

TEST(LabelCounts, AddUpToTheRows) {
  DataSource data = open_csv("a,kind\n1,x\n2,y\n3,x\n", "kind");
  EXPECT_EQ(data.schema.labels, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(label_counts(*data.train), (std::vector<int64_t>{2, 1}));
}

TEST(GroupsByLabel, HoldEveryPointOnce) {
  Schema schema;
  for (int i = 0; i < 14; ++i) schema.labels.push_back(fmt::format("c{}", i));
  Tensor labels = at::arange(60, at::kLong).remainder(14), points = at::rand({60, 2});
  std::vector<Series> groups = groups_by_label(points, labels, schema);
  ASSERT_EQ(groups.size(), 10u);
  EXPECT_EQ(groups.back().name, "others");
  size_t n = 0;
  for (const Series& s : groups) n += s.x.size();
  EXPECT_EQ(n, 60u);
}

TEST(GroupsByLabel, CutATargetIntoFifths) {
  Schema schema;
  schema.target = "price";
  Tensor target = at::arange(50, at::kFloat), points = at::stack({target, target}, 1);
  std::vector<Series> groups = groups_by_label(points, target, schema);
  ASSERT_EQ(groups.size(), 5u);
  EXPECT_EQ(groups[0].x.size(), 10u);
  EXPECT_EQ(groups[4].x.front(), 40);
}

TEST(Families, ReachEveryPartAConfigurationCanName) {
  std::set<std::string> names;
  for (const FamilyInfo* family : families()) EXPECT_TRUE(names.insert(family->name()).second);
  for (const char* name : {"reader", "transform", "model", "network", "decoder", "posterior",
                           "prior", "likelihood", "bound", "schedule", "optimizer"}) {
    EXPECT_TRUE(names.count(name)) << name;
    EXPECT_FALSE(find_family(name).members().empty());
  }
  EXPECT_EQ(&find_family("priors"), &find_family("prior"));
  try {
    find_family("pryor");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(e.message().find("did you mean 'prior'"), std::string::npos) << e.message();
  }
}

TEST(Correlations, AreOneAndMinusOneOfLinearRelationsAndNoneOfConstants) {
  Rng rng(1, "correlations");
  Tensor a = 1e6 + normal(rng, {50, 1}).to(at::kDouble), constant = at::full({50, 1}, 3.0);
  Tensor found = correlations(at::cat({a, 2 * a + 1, -a, constant}, 1), {});
  EXPECT_NEAR(found[0][1].item<double>(), 1, 1e-9);
  EXPECT_NEAR(found[2][1].item<double>(), -1, 1e-9);
  EXPECT_NEAR(found[1][1].item<double>(), 1, 1e-9);
  EXPECT_TRUE(std::isnan(found[0][3].item<double>()));
}

TEST(Correlations, OfTwoColumnsAreThoseOfTheRowsThatHaveBoth) {
  Rng rng(2, "correlations");
  Tensor x = normal(rng, {40, 2}).to(at::kDouble), mask = at::ones({40, 2});
  mask[3][0] = mask[4][1] = mask[5][0] = mask[5][1] = 0;
  Tensor whole = at::cat({x.narrow(0, 0, 3), x.narrow(0, 6, 34)});
  Tensor hidden = at::where(mask > 0, x, at::full({}, NAN, at::kDouble));
  EXPECT_NEAR(correlations(hidden, mask)[0][1].item<double>(),
              correlations(whole, {})[0][1].item<double>(), 1e-12);
}

TEST(Histogram, SharesSumToOneAndAreEqualForEqualValues) {
  Rng rng(3, "histogram");
  std::vector<float> drawn(1000);
  rng.normal(drawn);
  std::vector<double> many(drawn.begin(), drawn.end()), few = {1, 1, 2, 5};
  for (const auto& values : {many, few}) {
    Histogram found = histogram_of(values, values);
    EXPECT_EQ(found.data, found.model);
    EXPECT_NEAR(std::accumulate(found.data.begin(), found.data.end(), 0.0), 1, 1e-9);
    EXPECT_TRUE(std::is_sorted(found.edges.begin(), found.edges.end()));
  }
  EXPECT_EQ(histogram_of(few, {}).data, (std::vector<double>{0.5, 0.25, 0.25}));
  EXPECT_EQ(histogram_of(few, {-100, 100}).model, (std::vector<double>{0.5, 0, 0.5}))
      << "the outermost bins take what lies beyond";
  EXPECT_TRUE(histogram_of({}, few).edges.empty());
  EXPECT_EQ(histogram_of({7, 7}, {7}).data, std::vector<double>{1.0});
}

TEST(Curves, StartWhereTheLaterEpochsCanBeRead) {
  Series fall{"train", {}, {}}, line = fall;
  for (int epoch = 1; epoch <= 30; ++epoch) {
    fall.x.push_back(epoch);
    line.x.push_back(epoch);
    fall.y.push_back(epoch == 2 ? NAN : 20 + 500 * std::exp(-2.0 * epoch));
    line.y.push_back(-epoch);
  }
  EXPECT_EQ(curve_start({fall}), 4);
  EXPECT_EQ(curve_start({fall, line}), 0) << "the other line needs the range anyway";
  EXPECT_EQ(curve_start({line}), 0);
  EXPECT_EQ(curve_start({{"short", {1, 2, 3}, {500, 20, 19}}}), 0);
  EXPECT_EQ(curve_start({}), 0);
}

}  // namespace
}  // namespace elbo
