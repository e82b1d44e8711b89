// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/csv_cells.h"

#include <cmath>

#include "elbo/core/rng.h"
#include "elbo/io/testing.h"

namespace elbo {
namespace {

/// The value of a cell, or NaN when it is not of the form.
double value_of(CellForm form, std::string_view cell) {
  double out = 0;
  return read_cell(form, cell, out) ? out : std::nan("");
}

struct Example {
  const char* cell;
  double value;
};

TEST(Cells, DecoratedNumbersAreRead) {
  for (auto [cell, value] : std::vector<Example>{{"12,696", 12696},
                                                 {"1,234,567.5", 1234567.5},
                                                 {"12,34,567", 1234567},
                                                 {"1 234", 1234},
                                                 {"1\xC2\xA0"
                                                  "234",
                                                  1234},
                                                 {"1\xE2\x80\xAF"
                                                  "234",
                                                  1234},
                                                 {"1'234'567", 1234567},
                                                 {"1\xE2\x80\x99"
                                                  "234",
                                                  1234},
                                                 {"45%", 45},
                                                 {"4.5 %", 4.5},
                                                 {"$3.20", 3.2},
                                                 {"-$3", -3},
                                                 {"$ -3", -3},
                                                 {"\xE2\x82\xAC 12,000", 12000},
                                                 {"5 EUR", 5},
                                                 {"(7)", -7},
                                                 {"($1,200.50)", -1200.5},
                                                 {"\xE2\x88\x92"
                                                  "5",
                                                  -5},
                                                 {"+1.5e3", 1500},
                                                 {".5", 0.5}}) {
    EXPECT_DOUBLE_EQ(value_of(CellForm::grouped, cell), value) << cell;
  }
  for (const char* cell : {"", "-", "%", "$", "1,2", "12,3456", "0,123", "1,23,45", "1,234 567",
                           "--1", "1%%", "$1$", "()", "a", "1.2.3", "1e", "12 34", "5 mm"}) {
    EXPECT_TRUE(std::isnan(value_of(CellForm::grouped, cell))) << cell;
  }
}

TEST(Cells, DecimalCommasAreRead) {
  for (auto [cell, value] : std::vector<Example>{{"0,0342", 0.0342},
                                                 {"-2,4525", -2.4525},
                                                 {"1.234,5", 1234.5},
                                                 {"1 234,5", 1234.5},
                                                 {"1.234.567", 1234567},
                                                 {"12,696", 12.696},
                                                 {"45,5 %", 45.5},
                                                 {"3,20 \xE2\x82\xAC", 3.2},
                                                 {"1,5e-3", 0.0015},
                                                 {"7", 7}}) {
    EXPECT_DOUBLE_EQ(value_of(CellForm::decimal_comma, cell), value) << cell;
  }
  for (const char* cell : {"1.5", "0.123", "1,2,3", "1,234.5", ",", "1.23,4"}) {
    EXPECT_TRUE(std::isnan(value_of(CellForm::decimal_comma, cell))) << cell;
  }
}

TEST(Cells, EveryGroupingOfANumberIsTheNumber) {
  Rng rng(1, "cells");
  for (int trial = 0; trial < 500; ++trial) {
    auto whole = static_cast<int64_t>(rng.below(1000000000));
    std::string digits = std::to_string(whole), fraction = std::to_string(rng.below(1000));
    double value = std::stod(digits + "." + fraction);
    for (const char* separator : {",", " ", "'", "\xC2\xA0", "."}) {
      std::string text = digits;
      for (auto at = static_cast<int64_t>(text.size()) - 3; at > 0; at -= 3) {
        text.insert(static_cast<size_t>(at), separator);
      }
      bool comma = *separator == '.';
      CellForm form = comma ? CellForm::decimal_comma : CellForm::grouped;
      EXPECT_DOUBLE_EQ(value_of(form, text + (comma ? "," : ".") + fraction), value) << text;
    }
  }
}

TEST(Cells, DatesAreSecondsSince1970) {
  for (auto [cell, value] : std::vector<Example>{{"1970-01-01", 0},
                                                 {"1970-01-02T00:00:01", 86401},
                                                 {"1969-12-31 23:59:59", -1},
                                                 {"2000-02-29", 951782400},
                                                 {"2024-05-01T00:00:00Z", 1714521600},
                                                 {"2024-05-01T02:00:00+02:00", 1714521600},
                                                 {"2024-04-30 22:30:00.5-0130", 1714521600.5},
                                                 {"2024/5/1", 1714521600},
                                                 {"2024-05", 1714521600}}) {
    EXPECT_DOUBLE_EQ(value_of(CellForm::date, cell), value) << cell;
  }
  EXPECT_EQ(value_of(CellForm::day_month, "01.05.2024"), 1714521600);
  EXPECT_EQ(value_of(CellForm::day_month, "1/5/2024 00:01"), 1714521660);
  EXPECT_EQ(value_of(CellForm::month_day, "5/1/2024"), 1714521600);
  EXPECT_EQ(value_of(CellForm::time_of_day, "01:02:03.5"), 3723.5);
  EXPECT_EQ(value_of(CellForm::time_of_day, "1:05 PM"), 47100);
  for (const char* cell :
       {"2023-02-29", "2024-13-01", "2024-00-10", "2024-05-01x", "24-05-01", "2024-05-01T25:00",
        "2024-05-01T10:61", "2024-5/1", "20240501", "2024"}) {
    EXPECT_TRUE(std::isnan(value_of(CellForm::date, cell))) << cell;
  }
  for (const char* cell : {"31/02/2024", "12/31/2024", "1/5/24", "1/5-2024", "12"}) {
    EXPECT_TRUE(std::isnan(value_of(CellForm::day_month, cell))) << cell;
  }
  EXPECT_TRUE(std::isnan(value_of(CellForm::month_day, "5.1.2024"))) << "dots: the day comes first";
}

TEST(Cells, ConsecutiveDaysAreADayApart) {
  double last = value_of(CellForm::date, "1899-12-31");
  for (int year = 1900; year < 2105; ++year) {
    for (int month = 1; month <= 12; ++month) {
      for (int day = 1; day <= 31; ++day) {
        double now = value_of(CellForm::date, fmt::format("{}-{:02}-{:02}", year, month, day));
        if (std::isnan(now)) continue;
        ASSERT_EQ(now, last + 86400) << year << " " << month << " " << day;
        last = now;
      }
    }
  }
}

TEST(Cells, UsualWordsAreMissingInAnyCase) {
  for (const char* word : {"", "NA", "n/a", "N/A", "nan", "NaN", "None", "NULL", "null", "#N/A",
                           "#n/a", "-", "?", "--", "<NA>", "..", "missing", "#DIV/0!"}) {
    EXPECT_TRUE(is_missing_word(word)) << word;
  }
  for (const char* word : {"0", "no", "nano", "x", "-1", "unknown", "nationality"}) {
    EXPECT_FALSE(is_missing_word(word)) << word;
  }
}

TEST(Cells, OfTwoWordsTheOneThatAffirmsIsOne) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(words_in_order("Yes", "No"), (Words{"No", "Yes"}));
  EXPECT_EQ(words_in_order("TRUE", "FALSE"), (Words{"FALSE", "TRUE"}));
  EXPECT_EQ(words_in_order("on", "off"), (Words{"off", "on"}));
  EXPECT_EQ(words_in_order("M", "F"), (Words{"F", "M"}));
  EXPECT_EQ(words_in_order("b", "a"), words_in_order("a", "b"));
}

TEST(CellReader, KeepsToItsCode) {
  CellReader words(code_of_words({"no", "yes"}));
  double out = -1;
  for (auto [cell, value] : std::vector<Example>{
           {"yes", 1}, {"no", 0}, {"YES", 1}, {"No", 0}, {"0.25", 0.25}, {"1", 1}}) {
    EXPECT_TRUE(words.read(cell, out)) << cell;
    EXPECT_EQ(out, value) << cell;
  }
  EXPECT_FALSE(words.read("maybe", out));
  EXPECT_TRUE(CellReader(code_of(CellForm::date, true)).read("1970-01-11", out));
  EXPECT_EQ(out, 10) << "days";
  EXPECT_TRUE(CellReader(code_of(CellForm::date)).read("1970-01-11", out));
  EXPECT_EQ(out, 864000) << "seconds";
  EXPECT_EQ(message_of([] {
              CellReader({"roman numerals", {}});
            }),
            "a column of form 'roman numerals', which this elbo does not know\nUse a newer elbo.");
  EXPECT_NE(message_of([] { CellReader({"words", {"one"}}); }), "no error");
}

}  // namespace
}  // namespace elbo
