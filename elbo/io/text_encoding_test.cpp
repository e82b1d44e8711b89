// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/text_encoding.h"

#include "elbo/core/rng.h"
#include "elbo/io/testing.h"

namespace elbo {
namespace {

using namespace std::string_literals;

struct Letter {
  uint32_t code;
  std::string utf8;
};
const std::vector<Letter> kLetters = {{'a', "a"},
                                      {',', ","},
                                      {'\n', "\n"},
                                      {0xE9, "\xC3\xA9"},
                                      {0x20AC, "\xE2\x82\xAC"},
                                      {0x1F600, "\xF0\x9F\x98\x80"}};

void append_unit(std::string& out, uint32_t unit, size_t bytes, bool is_big) {
  for (size_t b = 0; b < bytes; ++b) {
    out += static_cast<char>(unit >> 8 * (is_big ? bytes - 1 - b : b));
  }
}

/// A text of wide letters, with its byte-order mark.
std::string encoded(const std::vector<Letter>& letters, size_t bytes, bool is_big) {
  std::string out;
  append_unit(out, 0xFEFF, bytes, is_big);
  for (const Letter& letter : letters) {
    uint32_t c = letter.code;
    if (bytes == 2 && c >= 0x10000) {
      append_unit(out, 0xD800 + ((c - 0x10000) >> 10), 2, is_big);
      append_unit(out, 0xDC00 + ((c - 0x10000) & 0x3FF), 2, is_big);
    } else {
      append_unit(out, c, bytes, is_big);
    }
  }
  return out;
}

/// The text in UTF-8, given and taken in pieces of 1 to 7 bytes.
std::string decoded(const std::string& text, std::string& encoding, Rng rng) {
  TextSource pieces = [left = std::string_view(text), &rng](std::span<char> out) mutable {
    size_t n = left.copy(out.data(), std::min(out.size(), 1 + rng.below(7)));
    left.remove_prefix(n);
    return n;
  };
  TextSource source = in_utf8(pieces, encoding);
  std::string out, piece(7, '\0');
  while (size_t n = source({piece.data(), 1 + rng.below(7)})) out.append(piece, 0, n);
  return out;
}

TEST(TextEncoding, WideTextsBecomeUtf8WhereverTheyAreCut) {
  Rng rng(1, "encoding");
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<Letter> letters;
    std::string expected = "\xEF\xBB\xBF";
    for (uint64_t n = rng.below(30); n > 0; --n) {
      letters.push_back(kLetters[rng.below(kLetters.size())]);
      expected += letters.back().utf8;
    }
    for (size_t bytes : {2, 4}) {
      for (bool is_big : {false, true}) {
        std::string encoding;
        EXPECT_EQ(decoded(encoded(letters, bytes, is_big), encoding, rng.split()), expected);
        EXPECT_EQ(encoding, fmt::format("UTF-{} {}", 8 * bytes, is_big ? "BE" : "LE"));
      }
    }
  }
}

TEST(TextEncoding, Utf16IsKnownWithoutItsMark) {
  EXPECT_EQ(wide_encoding("a\0,\0b\0\n\0"s), "UTF-16 LE");
  EXPECT_EQ(wide_encoding("\0a\0,\0b\0\n"s), "UTF-16 BE");
  for (const std::string& text : {"a,b\n1,2"s, "a\0,b\n"s, ""s, "a"s, "\x93NUMPY\1\0"s}) {
    EXPECT_EQ(wide_encoding(text), "") << text;
  }
}

TEST(TextEncoding, OtherTextsPassAsTheyAre) {
  Rng rng(2, "encoding");
  for (const std::string& text : {""s, "a"s, "a,b\n1,2\n"s, "\xEF\xBB\xBFx"s, "Gr\xF6\xDF"s}) {
    std::string encoding;
    EXPECT_EQ(decoded(text, encoding, rng.split()), text);
    EXPECT_EQ(encoding, "");
  }
}

TEST(TextEncoding, HalfLettersAreReplaced) {
  std::string encoding;
  Rng rng(3, "encoding");
  EXPECT_EQ(decoded("\xFF\xFE"
                    "a\0\x3D\xD8"s,
                    encoding, rng.split()),
            "\xEF\xBB\xBF"
            "a\xEF\xBF\xBD");
  EXPECT_EQ(decoded("\xFF\xFE"
                    "a\0b"s,
                    encoding, rng.split()),
            "\xEF\xBB\xBF"
            "a\xEF\xBF\xBD");
}

TEST(ToUtf8, TextsThatAreNotAreWindows1252) {
  bool was_not = false;
  for (const char* text : {"", "plain",
                           "Gr\xC3\xB6\xC3\x9F"
                           "e",
                           "\xF0\x9F\x98\x80"}) {
    EXPECT_EQ(to_utf8(text, was_not), text);
  }
  EXPECT_FALSE(was_not);
  EXPECT_EQ(to_utf8("Temp \xB0"
                    "C",
                    was_not),
            "Temp \xC2\xB0"
            "C");
  EXPECT_TRUE(was_not);
  EXPECT_EQ(to_utf8("\x80 5 \x96 \xFF", was_not), "\xE2\x82\xAC 5 \xE2\x80\x93 \xC3\xBF");
  // Overlong, surrogate, beyond Unicode, cut short.
  for (const char* text : {"\xC0\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xE2\x82"}) {
    EXPECT_NE(to_utf8(text, was_not), text);
  }
}

}  // namespace
}  // namespace elbo
