// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/metric.h"

#include <gtest/gtest.h>

#include <cmath>

namespace elbo {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

TEST(FormatMetric, RoundsToWhatTheStandardErrorSupports) {
  struct Case {
    double value, se;
    std::string unit, text;
  };
  const Case cases[] = {
      {97.9213, 0.2402, "nats", "97.92 ± 0.24 nats"},
      {97.9213, kNaN, "nats", "97.92 nats"},
      {0.180211, 0.000442, "bits/dim", "0.18021 ± 0.00044 bits/dim"},
      {12345.6, 234.5, "", "12350 ± 230"},
      {12345.6, 9960, "", "12000 ± 10000"},  // 9960 is 1.0e4 to two digits
      {1.5, 0.0996, "", "1.50 ± 0.10"},
      {-3.14159, 0.5, "", "-3.14 ± 0.50"},
      {-0.0004, 0.12, "", "0.00 ± 0.12"},
      {97.6, 1.4, "%", "97.6 ± 1.4 %"},
      {0.3, 25, "", "0 ± 25"},
      {19, kNaN, "", "19"},
      {652824, kNaN, "", "652,824"},
      {-1234567, kNaN, "", "-1,234,567"},
      {999, kNaN, "", "999"},
      {123456.789, kNaN, "", "123457"},
      {0.5, kNaN, "", "0.5"},
      {0.99996, kNaN, "", "1"},
      {0, kNaN, "", "0"},
      {0, 0.013, "", "0.000 ± 0.013"},
      {1.25, 0, "", "1.25 ± 0"},
      {1.2345e-7, 3.2e-9, "", "1.235e-7 ± 0.032e-7"},
      {2.5e-5, kNaN, "", "2.5e-5"},
      {1.23456e12, kNaN, "", "1.235e12"},
      {kNaN, kNaN, "nats", "nan nats"},
      {-kInf, 1, "", "-inf ± 1"},
      {1, kInf, "", "1 ± inf"},
  };
  for (const Case& c : cases) EXPECT_EQ(format_metric({"m", c.value, c.se, c.unit, ""}), c.text);
}

TEST(Counted, HasCommasAndThePluralOfAllButOne) {
  EXPECT_EQ(counted(1, "row"), "1 row");
  EXPECT_EQ(counted(0, "row"), "0 rows");
  EXPECT_EQ(counted(999, "row"), "999 rows");
  EXPECT_EQ(counted(60000, "latent dimension"), "60,000 latent dimensions");
  EXPECT_EQ(with_commas(-1234567), "-1,234,567");
}

TEST(FormatMetric, RoundingCostsAtMostATwentiethOfTheStandardError) {
  for (double se = 1.3e-4; se < 1e8; se *= 1.37) {
    double value = 2.718281828 * se;
    double read = std::stod(format_number(value, se).value);
    EXPECT_LE(std::abs(read - value), 0.051 * se) << format_number(value, se).value;
  }
}

TEST(MetricsToValue, LeavesOutTheStandardErrorWhereNoneIsKnown) {
  Value value = metrics_to_value({{"a", 1.5, 0.25, "nats", ""}, {"b", 3, kNaN, "", ""}});
  EXPECT_EQ(to_json(value),
            R"({"a":{"value":1.5,"se":0.25,"unit":"nats"},"b":{"value":3.0,"unit":""}})");
}

}  // namespace
}  // namespace elbo
