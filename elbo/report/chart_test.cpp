// SPDX-License-Identifier: Apache-2.0
#include "elbo/report/chart.h"

#include <gtest/gtest.h>

#include <cmath>

#include "elbo/core/error.h"
#include "elbo/core/rng.h"
#include "elbo/report/testing.h"

namespace elbo {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

Series noisy_line(size_t n, const std::string& name = "a") {
  Rng rng(n, "line");
  Series out{name, {}, {}};
  for (size_t i = 0; i < n; ++i) {
    out.x.push_back(static_cast<double>(i));
    out.y.push_back(100 + 50 * std::exp(-static_cast<double>(i) / 100) + rng.uniform());
  }
  return out;
}

/// The numbers of every "M x y" and "L x y" in the attribute d of every path of a data group.
std::vector<std::pair<double, double>> drawn_points(const std::string& svg) {
  std::vector<std::pair<double, double>> out;
  size_t at = svg.find("<g class=\"data\"");
  for (at = svg.find(" d=\"", at); at != std::string::npos; at = svg.find(" d=\"", at + 1)) {
    const char* c = svg.c_str() + at + 4;
    while (*c == 'M' || *c == 'L') {
      char* end = nullptr;
      double x = std::strtod(c + 1, &end), y = std::strtod(end, &end);
      out.emplace_back(x, y);
      c = end[0] == 'h' ? end + 2 : end;
    }
  }
  return out;
}

TEST(Charts, AreWellFormedWhateverTheData) {
  Series odd{"<b>&\"'\xff\x01", {1, kNaN, 3, 4, kInf}, {kNaN, 2, -kInf, 1e308, 1}};
  ChartOptions options{"</title><script>", "a & b", "\"y\"", 420, 280, false, false};
  for (bool log_y : {false, true}) {
    options.log_y = log_y;
    for (const std::vector<Series>& series : {std::vector<Series>{},
                                              {odd},
                                              {odd, odd},
                                              {noisy_line(3), noisy_line(500, "b"), odd},
                                              {{"negative", {1, 2}, {-1, -2}}},
                                              {{"one", {5}, {5}}},
                                              {{"none", {}, {}}}}) {
      EXPECT_EQ(markup_fault(line_chart(series, options)), "");
      EXPECT_EQ(markup_fault(scatter_chart(series, options)), "");
      EXPECT_EQ(occurrences(line_chart(series, options), "nan"), 0u);
      EXPECT_EQ(occurrences(line_chart(series, options), "<script"), 0u);
    }
  }
  options.log_y = false;
  for (const std::vector<double>& values :
       {std::vector<double>{}, {0}, {1, kNaN, -kInf, -2}, {-1, -2}, {1e-300, 1e299}}) {
    std::vector<std::string> names(values.size(), "<i>&");
    EXPECT_EQ(markup_fault(bar_chart(names, values, options)), "");
  }
}

TEST(Charts, StayInsideTheirFrame) {
  for (bool equal_axes : {false, true}) {
    ChartOptions options{"t", "x", "y", 300, 200, false, equal_axes};
    for (auto chart : {line_chart, scatter_chart}) {
      auto points = drawn_points(chart({noisy_line(1000), noisy_line(7, "b")}, options));
      ASSERT_GT(points.size(), 7u);
      for (auto [x, y] : points) {
        ASSERT_GE(x, 0);
        ASSERT_LE(x, 300);
        ASSERT_GE(y, 0);
        ASSERT_LE(y, 200);
      }
    }
  }
}

TEST(Charts, SayWhenNothingCanBeDrawn) {
  EXPECT_EQ(occurrences(line_chart({{"a", {kNaN}, {1}}}, {}), "no finite values"), 1u);
  EXPECT_EQ(occurrences(bar_chart({"a"}, {kInf}, {}), "no finite values"), 1u);
  EXPECT_EQ(occurrences(line_chart({{"a", {1}, {1}}}, {}), "no finite values"), 0u);
}

TEST(Charts, RefuseWhatDoesNotFitTogether) {
  EXPECT_THROW(line_chart({{"a", {1, 2}, {1}}}, {}), Error);
  EXPECT_THROW(bar_chart({"a"}, {}, {}), Error);
  EXPECT_THROW(bar_chart({}, {}, {.log_y = true}), Error);
  EXPECT_THROW(scatter_chart({}, {.log_y = true, .equal_axes = true}), Error);
  EXPECT_THROW(line_chart({}, {.width = 50}), Error);
}

TEST(LineChart, NonFinitePointsBreakTheLine) {
  std::string svg = line_chart({{"a", {1, 2, 3, 4, 5}, {1, 2, kNaN, 2, 1}}}, {});
  std::string line = svg.substr(svg.find("stroke-width=\"1.8\""));
  line = line.substr(0, line.find("/>"));
  EXPECT_EQ(occurrences(line, "M"), 2u);
  EXPECT_EQ(occurrences(line, "L"), 2u);
}

TEST(LineChart, NonPositiveValuesAreLeftOutOfALogAxis) {
  Series series{"a", {1, 2, 3}, {10, 0, 1000}};
  EXPECT_EQ(drawn_points(line_chart({series}, {})).size(), 6u);  // a line and a dot for each
  EXPECT_EQ(drawn_points(line_chart({series}, {.log_y = true})).size(), 4u);
}

TEST(LineChart, ThinningKeepsTheExtremesAndBoundsTheSize) {
  Series series = noisy_line(20000);
  series.y[7777] = 400;  // a spike one point wide
  std::string svg = line_chart({series}, {});
  EXPECT_LT(svg.size(), 30000u);
  auto points = drawn_points(svg);
  EXPECT_LE(points.size(), 4 * 492u);
  double top = 1e9, first = points.front().first, last = points.back().first;
  for (auto [x, y] : points) top = std::min(top, y);
  auto thin = drawn_points(line_chart({{"a", {0, 7777, 19999}, {100, 400, 100}}}, {}));
  EXPECT_NEAR(top, thin[1].second, 0.15);
  EXPECT_NEAR(first, thin[0].first, 0.15);
  EXPECT_NEAR(last, thin[2].first, 0.15);
}

TEST(LineChart, LegendStandsWhereThereAreTwoSeriesOrMore) {
  auto legend_names = [](const std::vector<Series>& series) {
    return occurrences(line_chart(series, {}), ">run</text>");
  };
  EXPECT_EQ(legend_names({noisy_line(5, "run")}), 0u);
  EXPECT_EQ(legend_names({noisy_line(5, "run"), noisy_line(6, "other")}), 1u);
}

TEST(ScatterChart, FiveThousandPointsInTenClassesAreOnePathEachAndSmall) {
  std::vector<Series> classes;
  Rng rng(1, "scatter");
  for (int c = 0; c < 10; ++c) {
    classes.push_back({std::to_string(c), {}, {}});
    for (int i = 0; i < 500; ++i) {
      classes.back().x.push_back(rng.uniform());
      classes.back().y.push_back(rng.uniform());
    }
  }
  std::string svg = scatter_chart(classes, {});
  EXPECT_EQ(drawn_points(svg).size(), 5000u);
  EXPECT_EQ(occurrences(svg.substr(svg.find("<g class=\"data\"")), "<path"), 10u);
  EXPECT_LT(svg.size(), 90000u);
}

TEST(ScatterChart, EqualAxesShowOneUnitEquallyLong) {
  Series corners{"a", {0, 1, 0}, {0, 0, 1}};
  auto p = drawn_points(scatter_chart({corners}, {.width = 600, .equal_axes = true}));
  ASSERT_EQ(p.size(), 3u);
  EXPECT_NEAR(p[1].first - p[0].first, p[0].second - p[2].second, 0.21);
  p = drawn_points(scatter_chart({corners}, {.width = 600}));
  EXPECT_GT(p[1].first - p[0].first, 1.5 * (p[0].second - p[2].second));
}

/// The value of an attribute of the n-th rect of the data.
double bar_attribute(const std::string& svg, size_t n, const std::string& name) {
  size_t at = svg.find("<g class=\"data\"");
  for (size_t i = 0; i <= n; ++i) at = svg.find("<rect", at + 1);
  return std::stod(svg.substr(svg.find(" " + name + "=\"", at) + name.size() + 3));
}

TEST(BarChart, HeightsAreProportionalToValues) {
  std::string svg = bar_chart({"a", "b", "c"}, {1, 3, -2}, {});
  double a = bar_attribute(svg, 0, "height"), b = bar_attribute(svg, 1, "height");
  EXPECT_NEAR(b, 3 * a, 0.35);
  EXPECT_NEAR(bar_attribute(svg, 2, "height"), 2 * a, 0.3);
  // The negative bar hangs where the others stand.
  EXPECT_NEAR(bar_attribute(svg, 2, "y"), bar_attribute(svg, 0, "y") + a, 0.15);
}

TEST(BarChart, NonFiniteValuesLeaveTheirPlaceEmpty) {
  std::string svg = bar_chart({"a", "b", "c"}, {1, kNaN, 1}, {});
  std::string full = bar_chart({"a", "b", "c"}, {1, 1, 1}, {});
  EXPECT_EQ(occurrences(svg.substr(svg.find("<g class=\"data\"")), "<rect"), 2u);
  EXPECT_EQ(bar_attribute(svg, 1, "x"), bar_attribute(full, 2, "x"));
}

TEST(BarChart, NamesThinOutWhereTheyWouldCollide) {
  auto shown = [](size_t n) {
    std::vector<std::string> names;
    for (size_t i = 0; i < n; ++i) names.push_back(fmt::format("dim{}", i));
    std::string svg = bar_chart(names, std::vector<double>(n, 1.0), {});
    return occurrences(svg, ">dim") - occurrences(svg, "<title>dim");
  };
  EXPECT_EQ(shown(5), 5u);
  EXPECT_EQ(shown(25), 25u);  // slanted
  EXPECT_LE(shown(200), 15u);
  EXPECT_GE(shown(200), 5u);
}

TEST(LineChart, TicksAreWholeWhereEveryXIs) {
  std::string whole = line_chart({{"a", {1, 2, 3}, {5, 4, 3}}}, {});
  EXPECT_EQ(whole.find(">1.5<"), std::string::npos);
  EXPECT_NE(whole.find(">2<"), std::string::npos);
  std::string broken = line_chart({{"a", {1, 1.5, 3}, {50, 40, 30}}}, {});
  EXPECT_NE(broken.find(">1.5<"), std::string::npos);
}

TEST(BarChart, MutedBarsAreGrey) {
  ChartOptions options;
  options.muted = {false, true, true};
  std::string svg = bar_chart({"a", "b", "c"}, {3, 2, 1}, options);
  EXPECT_EQ(occurrences(svg, "#9aa3ad"), 2u);
  options.muted.pop_back();
  EXPECT_THROW(bar_chart({"a", "b", "c"}, {3, 2, 1}, options), Error);
}

}  // namespace
}  // namespace elbo
