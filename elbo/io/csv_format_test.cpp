// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/csv_format.h"

#include "elbo/io/testing.h"

namespace elbo {
namespace {

using Names = std::vector<std::string>;

CsvFormat format_of(std::string_view text, std::string_view header = "auto") {
  return find_format(text_source(text), '\0', header, text.size() + 1);
}

bool says(const CsvFormat& format, std::string_view words) {
  return std::any_of(format.notes.begin(), format.notes.end(),
                     [&](const std::string& n) { return n.find(words) != std::string::npos; });
}

TEST(CsvFormat, DelimiterMakesRowsEvenAndCellsValues) {
  for (auto [text, delimiter] : std::vector<std::pair<const char*, char>>{
           {"a,b\n1,2\n3,4\n", ','},
           {"a;b\n1,5;2,5\n3,5;4,5\n", ';'},
           {"a\tb\n1,5\t2,5\n3,5\t4,5\n", '\t'},
           {"a b\n1,5 2,5\n3,5 4,5\n", ' '},
           {"a|b\n1|2\n3|4\n", '|'},
           {"1.0 2.0\n  3.0   4.0\n", ' '},
           {"1\t\t2\n10\t3\n", ' '},
           {"a, b\n1, 2\n3, 4\n", ','},
           {"t,x\n2024-01-01 10:00,1\n2024-01-02 10:00,2\n", ','},
           {"name,city\nA B,C D\nE F,G H\n", ','},
           {"a,b\r1,2\r3,4\r", ','},
           {"# a, comment; with, all\n1;2\n3;4\n", ';'},
           {"sep=;\na;b\n1;2\n", ';'},
           {"\"a;x\",b\n\"c;d;e\",2\n\"f\",4\n", ','}}) {
    EXPECT_EQ(format_of(text).layout.delimiter, delimiter) << text;
    EXPECT_EQ(format_of(text).columns, 2u) << text;
  }
}

TEST(CsvFormat, NumbersThatRiseEvenlyFarOutsideAreNames) {
  std::string body = "0.1,0.2,0.3\n0.2,0.3,0.1\n0.3,0.1,0.2\n0.2,0.2,0.2\n";
  for (const char* first : {"400,410,420", "4000,3996,3992", "1990,1991,1992", "-10,-20,-30",
                            "400.1,410.2,420.1", "\"400\",\"410\",\"420\""}) {
    CsvFormat format = format_of(first + ("\n" + body));
    EXPECT_EQ(format.header.size(), 3u) << first;
    EXPECT_TRUE(says(format, "even steps")) << first;
    EXPECT_EQ(format_of(first + ("\n" + body), "no").header.size(), 0u) << first;
  }
  for (const char* first :
       {"0.1,0.2,0.3", "400,410,500", "400,400,400", "400,0.2,0.3", "1,2,0.2"}) {
    EXPECT_EQ(format_of(first + ("\n" + body)).header.size(), 0u) << first;
  }
  EXPECT_EQ(format_of("400,410\n0.1,0.2\n0.2,0.3\n0.3,0.1\n").header, Names{}) << "two say little";
  CsvFormat named = format_of("sample,400,410\n1,0.1,0.2\n2,0.2,0.3\n3,0.3,0.1\n");
  EXPECT_EQ(named.header, (Names{"sample", "400", "410"}));
  CsvFormat texts = format_of("s,400,410,420\nx,0.1,0.2,0\ny,0.2,0.3,0\nz,0.3,0.1,1\n");
  EXPECT_EQ(texts.header, (Names{"s", "400", "410", "420"}));
}

TEST(CsvFormat, FirstRowsOfOtherKindsAreToldApart) {
  EXPECT_EQ(format_of("a;b\n1,5;x\n").header, (Names{"a", "b"})) << "decimal commas are values";
  EXPECT_EQ(format_of("day,on\n2024-01-01,yes\n2024-01-02,no\n").header, (Names{"day", "on"}));
  EXPECT_EQ(format_of("a,b\nyes,no\nno,no\nyes,yes\n").header, (Names{"a", "b"}));
  EXPECT_EQ(format_of("yes,no\nno,no\nyes,yes\n").header, Names{});
  EXPECT_EQ(format_of("a,b\nc,d\n").header, Names{});
  EXPECT_EQ(format_of("1,x\n2,y\n").header, Names{});
}

TEST(CsvFormat, CommentsMayNameTheColumns) {
  EXPECT_EQ(format_of("# a b c\n1 2 3\n4 5 6\n").header, (Names{"a", "b", "c"}));
  EXPECT_EQ(format_of("## made by x\n#\n# a b c\n1 2 3\n4 5 6\n").header, (Names{"a", "b", "c"}));
  EXPECT_EQ(format_of("# a,b\n1,2\n3,4\n").header, (Names{"a", "b"}));
  EXPECT_EQ(format_of("#a\tb\n1\t2\n3\t4\n").header, (Names{"a", "b"}));
  EXPECT_EQ(format_of("# one line of prose\na,b\n1,2\n3,4\n").header, (Names{"a", "b"}));
  EXPECT_EQ(format_of("# one line of prose\n1,2\n3,4\n").header, Names{});
  EXPECT_EQ(format_of("# a b c\n1 2 3\n4 5 6\n", "no").header, Names{});
}

TEST(CsvFormat, ARowOfUnitsIsNoRow) {
  CsvFormat units = format_of("a,b,c\nmm,s,kg\n1,2,3\n4,5,6\n7,8,9\n");
  EXPECT_EQ(units.units, (Names{"mm", "s", "kg"}));
  EXPECT_EQ(units.layout.head_rows, 2u);
  EXPECT_TRUE(says(units, "units"));
  EXPECT_EQ(format_of("a,b\n(m),\n1,2\n4,5\n").units, (Names{"(m)", ""}));
  EXPECT_EQ(format_of("t,x\n-,%\n1,2\n4,5\n").units.size(), 2u);
  EXPECT_EQ(format_of("name,x\n,mm\nann,2\nben,5\n").units.size(), 2u);
  EXPECT_EQ(format_of("a,b\n1,x\n3,4\n5,6\n").units.size(), 0u);
  EXPECT_EQ(format_of("a,b\nNA,NA\n3,4\n5,6\n").units.size(), 0u);
  EXPECT_EQ(format_of("a,b\nx,y\nz,w\nx,y\n").units.size(), 0u);
  EXPECT_EQ(format_of("a,b,c\nmm,s,kg\n1,2,3\n4,5,6\n", "yes").units.size(), 0u);
}

TEST(CsvFormat, DelimitersAtTheEndMakeNoColumn) {
  EXPECT_EQ(format_of("a,b\n1,2,\n3,4,\n").columns, 2u);
  EXPECT_EQ(format_of("a,b,\n1,2,\n3,4,\n").columns, 2u);
  EXPECT_EQ(format_of("a,b,\n1,2\n3,4\n").columns, 2u);
  EXPECT_EQ(format_of("1;2\n3;4;\n5;6;\n").columns, 2u);
  EXPECT_EQ(format_of("a,b,\n1,2,3\n3,4,\n").columns, 3u);
  CsvFormat row_names = format_of("a b\n1 2 3\n2 4 5\n");
  EXPECT_EQ(row_names.header, (Names{"column 1", "a", "b"}));
  EXPECT_TRUE(row_names.has_row_names);
}

TEST(CsvFormat, NamesAreUtf8AndDiffer) {
  CsvFormat format = format_of(
      "a,a,\"b\nc\",,Gr\xF6\xDF"
      "e,a\n1,2,3,4,5,6\n");
  EXPECT_EQ(format.header, (Names{"a", "a (2)", "b\nc", "column 4",
                                  "Gr\xC3\xB6\xC3\x9F"
                                  "e",
                                  "a (3)"}));
  EXPECT_TRUE(says(format, "'a (2)', 'a (3)'"));
  EXPECT_TRUE(says(format, "Windows-1252"));
}

TEST(CsvRows, CommentsAndBlankLinesAreNoRowsOfSeveralCells) {
  std::string text = "a,b\n# one\n1,2\n\n  \n#two\n\"#3\",4\n#N/A,5\n# end";
  CsvRows rows(text_source(text), "a.csv", {',', 2});
  std::vector<std::string> first;
  while (rows.next()) first.emplace_back(rows.cells()[0]);
  EXPECT_EQ(first, (Names{"a", "1", "#3", "#N/A"}));
  EXPECT_EQ(rows.passed_over().comments, 3);
  EXPECT_EQ(rows.passed_over().blank_lines, 2);
}

TEST(CsvRows, BlanksDivideCellsHoweverMany) {
  std::string text = "  1   2\t3 \n4\t\t5 6\n\"a b\" c d  \n";
  CsvRows rows(text_source(text), "a.txt", {' ', 3});
  std::vector<Names> all;
  while (rows.next()) all.emplace_back(rows.cells().begin(), rows.cells().end());
  EXPECT_EQ(all, (std::vector<Names>{{"1", "2", "3"}, {"4", "5", "6"}, {"a b", "c", "d"}}));
}

}  // namespace
}  // namespace elbo
