// SPDX-License-Identifier: Apache-2.0
#include "elbo/report/strips.h"

#include <gtest/gtest.h>

#include <cmath>

#include "elbo/core/error.h"
#include "elbo/report/testing.h"

namespace elbo {
namespace {

Strip strip(int64_t n, const std::string& label = "") {
  return {label, "", make_array(DType::u8, {n, 28, 28, 1})};
}

/// The number after `key` at its first place.
double number_after(const std::string& svg, const std::string& key) {
  return std::stod(svg.substr(svg.find(key) + key.size()));
}

TEST(Strips, EmbedEveryPictureAndEscapeLabels) {
  std::string svg = picture_strips({strip(3, "<a>"), strip(2, "b & c")},
                                   {.title = "t", .heads = {"x", "y", "z"}});
  EXPECT_EQ(markup_fault(svg), "");
  EXPECT_EQ(occurrences(svg, "data:image/png;base64,"), 5u);
  EXPECT_NE(svg.find("&lt;a&gt;"), std::string::npos);
}

TEST(Strips, EnlargeSmallPicturesByAWholeFactorAndStayWithinTheWidth) {
  for (int64_t n : {1, 5, 12, 15, 40, 100}) {
    std::string svg = picture_strips({strip(n, "label")});
    double width = number_after(svg, " width=\"");
    double picture = number_after(svg.substr(svg.find("<image")), " width=\"");
    EXPECT_LE(width, 1024) << n;
    if (picture >= 28) {
      EXPECT_EQ(picture / 28, std::floor(picture / 28)) << n;
    }
  }
}

TEST(Strips, RefuseWhatHoldsNoPictures) {
  EXPECT_THROW(picture_strips({}), Error);
  EXPECT_THROW(picture_strips({{"empty"}}), Error);
  EXPECT_THROW(picture_strips({{"flat", "", make_array(DType::u8, {28, 28, 1})}}), Error);
}

}  // namespace
}  // namespace elbo
