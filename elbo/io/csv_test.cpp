// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/csv.h"
#include "elbo/io/csv_format.h"

#include <cmath>

#include "elbo/core/rng.h"
#include "elbo/io/testing.h"

namespace elbo {
namespace {

using Rows = std::vector<std::vector<std::string>>;

Rows rows_of(const CsvTable& table) {
  Rows out(table.rows());
  for (size_t r = 0; r < table.rows(); ++r) {
    for (size_t c = 0; c < table.columns; ++c) out[r].emplace_back(table.at(r, c));
  }
  return out;
}

Rows parse(std::string text, char delimiter = '\0', std::string_view header = "no") {
  return rows_of(parse_csv(std::move(text), "a.csv", delimiter, header));
}

std::string parse_error(std::string text) {
  return message_of([&] { parse_csv(std::move(text), "a.csv"); });
}

TEST(Csv, ParseUndoesEncodeForAnyCells) {
  Rng rng(1, "csv");
  const std::string letters = "ab1,;\t|\"\n\r ";
  for (int trial = 0; trial < 2000; ++trial) {
    size_t width = 1 + rng.below(3), height = 1 + rng.below(3);
    Rows rows(height, std::vector<std::string>(width));
    for (auto& row : rows) {
      for (auto& cell : row) {
        for (uint64_t n = rng.below(4); n > 0; --n) cell += letters[rng.below(letters.size())];
      }
    }
    EXPECT_EQ(parse(encode_csv({}, rows), ','), rows) << trial;
  }
}

TEST(Csv, ByteOrderMarkInACellIsKept) {
  Rows rows = {
      {"\xEF\xBB\xBF"
       "1",
       "2"}};
  EXPECT_EQ(parse(encode_csv({}, rows)), rows);
}

TEST(Csv, QuotesHoldDelimitersNewlinesAndQuotes) {
  EXPECT_EQ(parse("1,\"a,b\"\r\n2,\"c\n\"\"d\"\"\"\n"), (Rows{{"1", "a,b"}, {"2", "c\n\"d\""}}));
  EXPECT_EQ(parse("5\" pipe,1\n6,2\n"), (Rows{{"5\" pipe", "1"}, {"6", "2"}}));
}

TEST(Csv, LineEndsAndBlankLinesAtTheEndDoNotMatter) {
  Rows expected = {{"1", "2"}, {"3", "4"}};
  for (const char* text : {"1,2\n3,4", "1,2\n3,4\n", "1,2\r\n3,4\r\n", "1,2\r3,4\r",
                           "\xEF\xBB\xBF"
                           "1,2\n3,4\n\n\n",
                           "1,2\n3,4\r\n\r\n"}) {
    EXPECT_EQ(parse(text), expected) << text;
  }
}

TEST(Csv, RowsKnowTheirLines) {
  CsvTable table = parse_csv("a,b\n1,\"x\ny\"\n2,z\n", "a.csv");
  EXPECT_EQ(table.header, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(table.lines, (std::vector<int64_t>{2, 4}));
}

TEST(Csv, DelimiterIsTheOneAllRowsAgreeOn) {
  EXPECT_EQ(parse("1,5;2,5\n3,5;4,5\n"), (Rows{{"1,5", "2,5"}, {"3,5", "4,5"}}));
  EXPECT_EQ(parse("a b\t1\nc\t2\n"), (Rows{{"a b", "1"}, {"c", "2"}}));
  EXPECT_EQ(parse("1|2\n3|4\n"), (Rows{{"1", "2"}, {"3", "4"}}));
  EXPECT_EQ(parse("\"a;b\",1\nc,2\n"), (Rows{{"a;b", "1"}, {"c", "2"}}));
  EXPECT_EQ(parse("1\n2\n"), (Rows{{"1"}, {"2"}}));
}

TEST(Csv, HeaderIsAFirstRowWithoutNumbersOverNumbers) {
  EXPECT_EQ(parse_csv("a,b\n1,x\n", "a").header.size(), 2u);
  EXPECT_EQ(parse_csv("a,1\n2,3\n", "a").header.size(), 0u);
  EXPECT_EQ(parse_csv("a,b\nc,d\n", "a").header.size(), 0u);
  EXPECT_EQ(parse_csv("a,b\nc,d\n", "a", ',', "yes").header.size(), 2u);
  EXPECT_EQ(parse_csv("a,b\n1,2\n", "a", ',', "no").header.size(), 0u);
  EXPECT_EQ(parse_csv(",b\n1,2\n", "a").header[0], "column 1");
}

TEST(Csv, FaultsAreNamedWithTheirLine) {
  EXPECT_EQ(parse_error("a,b\n1,2\n3\n4,5\n"),
            "a.csv:3: row has 1 fields, expected 2 as in line 1\n"
            "Fields are separated by ','; one that holds it must be quoted.");
  EXPECT_EQ(parse_error("a\tb\n1\t\"2\n3\t4\n"),
            "a.csv:2: a quoted field that starts on this line is never closed");
  EXPECT_EQ(parse_error("a,b\n1,\"2\"3\n"),
            "a.csv:2: '3' follows a closing quote, expected ',' or the end of the line\n"
            "A quote inside a quoted field is written twice.");
  EXPECT_EQ(parse_error(std::string("a,b\n1,\0\n", 8)),
            "a.csv:2: a zero byte, expected text\nSave the table as CSV in UTF-8.");
  EXPECT_EQ(parse_error(""), "a.csv: holds no rows");
  EXPECT_EQ(parse_error("\n\r\n\n"), "a.csv: holds no rows");
  EXPECT_EQ(message_of([] { parse_csv("a,b\n", "a.csv", ',', "yes"); }),
            "a.csv: holds a header and no rows");
}

TEST(Csv, ManyBlankLinesTakeLinearTime) {
  std::string text = std::string(2000000, '\n') + "a";
  EXPECT_EQ(parse(text).size(), 2000001u);
}

/// Rows of a text that comes in pieces of 1 to 7 bytes, of which few are held at once.
Rows parse_pieces(const std::string& text, Rng& rng) {
  TextSource pieces = [left = std::string_view(text), &rng](std::span<char> out) mutable {
    size_t n = left.copy(out.data(), std::min(out.size(), 1 + rng.below(7)));
    left.remove_prefix(n);
    return n;
  };
  CsvRows rows(pieces, "a.csv", {','}, 4 + rng.below(8));
  Rows out;
  while (rows.next()) out.emplace_back(rows.cells().begin(), rows.cells().end());
  return out;
}

TEST(Csv, RowsComeOutTheSameWhereverTheTextIsCut) {
  Rng rng(3, "csv");
  const std::string letters = "ab1,\"\n\r ";
  for (int trial = 0; trial < 500; ++trial) {
    std::string text = trial % 5 == 0 ? "\xEF\xBB\xBF" : "";
    for (uint64_t height = rng.below(20); height > 0; --height) {
      std::vector<std::string> row(2);
      for (auto& cell : row) {
        for (uint64_t n = rng.below(15); n > 0; --n) cell += letters[rng.below(letters.size())];
      }
      text += encode_csv({}, {row});
      if (rng.below(2)) text.back() = '\r';
      if (rng.below(2) && text.back() == '\r') text += '\n';
    }
    text += "1,2" + std::string(trial % 3, '\n');
    EXPECT_EQ(parse_pieces(text, rng), parse(text, ',')) << trial;
  }
}

TEST(Csv, BlankLinesAreRowsWhereverTheTextIsCut) {
  Rng rng(4, "csv");
  const char* lines[] = {"\n", "\r\n", "\r", "1\n", "22\r\n", "\"3\n\"\n"};
  for (int trial = 0; trial < 500; ++trial) {
    std::string text;
    for (uint64_t n = rng.below(30); n > 0; --n) text += lines[rng.below(6)];
    for (const char* end : {"1", "1\n", "1\n\r\n\r"}) {
      EXPECT_EQ(parse_pieces(text + end, rng), parse(text + end, ',')) << trial;
    }
  }
}

TEST(Csv, FaultsAreNamedWithTheirLineWhereverTheTextIsCut) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += i % 3 ? "1,2\n" : "1,\"2\n\"\n";
  Rng rng(5, "csv");
  for (const std::string& bad : {std::string("3\n"), std::string("3,\"4\"5\n"),
                                 std::string("3,\"4\n"), std::string("3,\0\n", 4)}) {
    std::string whole = text + bad + "6,7\n";
    std::string message = message_of([&] { parse(whole, ','); });
    EXPECT_TRUE(message.starts_with("a.csv:401: ")) << message;
    EXPECT_EQ(message_of([&] { parse_pieces(whole, rng); }), message);
  }
}

TEST(Numbers, WholeCellsAreRead) {
  double out = 0;
  for (auto [text, value] : std::vector<std::pair<const char*, double>>{
           {"1", 1}, {" -2.5\t", -2.5}, {"+3e2", 300}, {".5", 0.5}, {"1e-400", 0}, {"7.", 7}}) {
    EXPECT_TRUE(parse_number(text, out)) << text;
    EXPECT_EQ(out, value) << text;
  }
  for (const char* text : {"", " ", "+", "-", "+-1", "1,5", "1 2", "0x10", "1e", "one", "1.2.3"}) {
    EXPECT_FALSE(parse_number(text, out)) << text;
  }
  EXPECT_TRUE(parse_number("1e400", out));
  EXPECT_TRUE(std::isinf(out));
}

}  // namespace
}  // namespace elbo
