// SPDX-License-Identifier: Apache-2.0
#include "elbo/report/text_table.h"

#include <gtest/gtest.h>

namespace elbo {
namespace {

TEST(TextTable, AlignsNumbersRightAndTextLeft) {
  EXPECT_EQ(text_table({"name", "value", "unit"},
                       {{"neg_elbo", "97.92 ± 0.24", "nats"}, {"active_units", "19", ""}}),
            "name                 value  unit\n"
            "neg_elbo      97.92 ± 0.24  nats\n"
            "active_units            19\n");
}

TEST(TextTable, AcceptsShortRowsAndNoHeader) {
  EXPECT_EQ(text_table({}, {{"a"}, {"bcd", "-1"}, {"", "+22"}}),
            "a\n"
            "bcd   -1\n"
            "     +22\n");
  EXPECT_EQ(text_table({"a", "b"}, {}), "a  b\n");
  EXPECT_EQ(text_table({}, {}), "");
}

TEST(TextTable, EveryRowIsOneLine) {
  EXPECT_EQ(text_table({"a"}, {{"two\nlines"}}), "a\ntwo lines\n");
}

TEST(NumberColumns, NeedEveryCellToBeANumber) {
  EXPECT_EQ(number_columns({{"1", "1", "", "-", "nan"}, {"-2.5", "x", "", "3", "-inf"}}),
            (std::vector<bool>{true, false, false, false, true}));
}

}  // namespace
}  // namespace elbo
