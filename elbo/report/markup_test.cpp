// SPDX-License-Identifier: Apache-2.0
#include "elbo/report/markup.h"

#include <gtest/gtest.h>

#include "elbo/core/files.h"

namespace elbo {
namespace {

TEST(EscapeMarkup, LeavesNoCharacterThatMeansSomething) {
  EXPECT_EQ(escape_markup("a<b> & \"c\" 'd'"), "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
  EXPECT_EQ(escape_markup("caf\xc3\xa9 \xc2\xb1 \xf0\x9f\x98\x80\n\t"),
            "caf\xc3\xa9 \xc2\xb1 \xf0\x9f\x98\x80\n\t");
}

TEST(EscapeMarkup, WhatXmlForbidsBecomesTheReplacementCharacter) {
  const std::string r = "\xef\xbf\xbd";
  EXPECT_EQ(escape_markup(std::string("a\0b", 3)), "a" + r + "b");
  EXPECT_EQ(escape_markup("\x1b[31m\x7f"), r + "[31m" + r);
  EXPECT_EQ(escape_markup("\xff"
                          "a\xc3"),
            r + "a" + r);                                       // stray and cut off
  EXPECT_EQ(escape_markup("\xc0\xaf"), r + r);                  // overlong
  EXPECT_EQ(escape_markup("\xe0\x80\xaf"), r + r + r);          // overlong
  EXPECT_EQ(escape_markup("\xed\xa0\x80"), r + r + r);          // surrogate
  EXPECT_EQ(escape_markup("\xf4\x90\x80\x80"), r + r + r + r);  // beyond U+10FFFF
  EXPECT_EQ(escape_markup("\xef\xbf\xbf"), r + r + r);          // U+FFFF
}

// RFC 4648, section 10.
TEST(Base64, MatchesPublishedVectors) {
  const std::vector<std::pair<std::string, std::string>> cases = {{"", ""},
                                                                  {"f", "Zg=="},
                                                                  {"fo", "Zm8="},
                                                                  {"foo", "Zm9v"},
                                                                  {"foob", "Zm9vYg=="},
                                                                  {"fooba", "Zm9vYmE="},
                                                                  {"foobar", "Zm9vYmFy"}};
  for (const auto& [text, code] : cases) EXPECT_EQ(base64(as_bytes(text)), code);
  EXPECT_EQ(base64(as_bytes("\xff\xfe\xfd")), "//79");
}

TEST(CutText, CountsCodePoints) {
  EXPECT_EQ(text_width("1 \xc2\xb1 2"), 5u);
  EXPECT_EQ(cut_text("1 \xc2\xb1 2", 5), "1 \xc2\xb1 2");
  EXPECT_EQ(cut_text("1 \xc2\xb1 23", 5), "1 \xc2\xb1 \xe2\x80\xa6");
  EXPECT_EQ(text_width(cut_text("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 3)), 3u);
}

}  // namespace
}  // namespace elbo
