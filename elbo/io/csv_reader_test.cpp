// SPDX-License-Identifier: Apache-2.0
// What the reader makes of tables as people have them. Each decision must be said.
#include <cmath>

#include "elbo/core/fields.h"
#include "elbo/core/rng.h"
#include "elbo/io/readers.h"
#include "elbo/io/testing.h"

namespace elbo {
namespace {

using Names = std::vector<std::string>;
using Floats = std::vector<float>;

RawData read(std::string_view text, const ReadRequest& request = {},
             const CsvOptions& options = {}) {
  return read_csv_data(text, "a.csv", options, request);
}

std::string error_of(std::string_view text, const ReadRequest& request = {},
                     const CsvOptions& options = {}) {
  return message_of([&] { read(text, request, options); });
}

bool says(const RawData& data, std::string_view words) {
  return std::any_of(data.notes.begin(), data.notes.end(),
                     [&](const std::string& n) { return n.find(words) != std::string::npos; });
}

const ColumnReport& report_of(const RawData& data, const std::string& name) {
  for (const ColumnReport& report : data.column_reports) {
    if (report.name == name) return report;
  }
  fail(Code::failure, "no report of '{}'", name);
}

std::string flags_of(const RawData& data, const std::string& name) {
  return fmt::format("{}", fmt::join(report_of(data, name).flags, "; "));
}

/// x as f64, whatever its type.
std::vector<double> x_of(const RawData& data) {
  if (data.train.x.dtype == DType::f64) return values<double>(data.train.x);
  Floats x = values<float>(data.train.x);
  return {x.begin(), x.end()};
}

// ---- Numbers as they are written in other places.

TEST(CsvReader, DecimalCommasAreRecognisedAndSaid) {
  for (const char* text : {"a;b\n0,5;1,25\n-2,5;3\n", "a\tb\n0,5\t1,25\n-2,5\t3\n",
                           "a b\n0,5 1,25\n-2,5 3,0\n", "a,b\n\"0,5\",\"1,25\"\n\"-2,5\",3\n",
                           "a|b\n0,5|1,25\n-2,5|3,00\n", "0,5;1,25\n-2,5;3\n"}) {
    RawData data = read(text);
    EXPECT_EQ(x_of(data), (std::vector<double>{0.5, 1.25, -2.5, 3})) << text;
    EXPECT_TRUE(says(data, "decimal comma")) << text;
  }
  RawData mixed = read("a;b\n0,5;1.234\n1,5;2.000\n");
  EXPECT_EQ(x_of(mixed), (std::vector<double>{0.5, 1234, 1.5, 2000})) << "points group digits";
  EXPECT_EQ(x_of(read("a;b\n0,5;1.25\n1,5;2.000\n"))[1], 1.25) << "a point that cannot";
  EXPECT_FALSE(says(read("a,b\n1,2\n3,4\n"), "decimal"));
}

TEST(CsvReader, DecimalCanBeForced) {
  CsvOptions comma;
  comma.decimal = ",";
  std::string text = "a;b\n12,696;1\n1,811;2\n";
  EXPECT_EQ(x_of(read(text))[0], 12696);
  EXPECT_TRUE(says(read(text), "grouped digits"));
  EXPECT_NEAR(x_of(read(text, {}, comma))[0], 12.696, 1e-5);
  CsvOptions point;
  point.decimal = ".";
  EXPECT_EQ(read("a;b\n0,5;1\n1,5;2\n", {}, point).column_names, Names{"b"});
}

TEST(CsvReader, GroupedDigitsPercentAndCurrenciesAreNumbers) {
  RawData data = read("a,b,c\n6.63,\"12,696\",13%\n5.2,\"51\",35%\n4,\"1,811\",7%\n");
  EXPECT_EQ(x_of(data)[1], 12696);
  EXPECT_EQ(x_of(data)[2], 13);
  EXPECT_TRUE(says(data, "'b' (such as 1,811), 'c' (such as 13%)"));
  EXPECT_EQ(report_of(data, "a").taken_as, "numbers");
  for (auto [cell, value] : std::vector<std::pair<const char*, double>>{{"1 234", 1234},
                                                                        {"1'234", 1234},
                                                                        {"$5", 5},
                                                                        {"\xE2\x82\xAC"
                                                                         "7",
                                                                         7},
                                                                        {"-3 %", -3},
                                                                        {"(12)", -12},
                                                                        {"1\xA0"
                                                                         "234",
                                                                         1234},
                                                                        {"$1'000.50", 1000.5}}) {
    EXPECT_EQ(x_of(read(fmt::format("a;b\n{};1\n2;2\n", cell)))[0], value) << cell;
  }
}

/// Rows of two columns of small numbers, more than the first look takes in.
std::string many_rows(const std::string& header = "a,b\n") {
  std::string out = header;
  for (int i = 0; i < 3000; ++i) out += fmt::format("{}.5,{}\n", i % 7, i % 5 + 3);
  return out;
}

TEST(CsvReader, LaterRowsCountAsTheFirstOnes) {
  EXPECT_EQ(x_of(read(many_rows() + "\"12,696\",1\n")).at(6000), 12696);
  EXPECT_NE(
      error_of(many_rows() + "1,yes\n1,no\n").find("'b' (numbers): 'no' in 1 row, 'yes' in 1 row"),
      std::string::npos);
  std::string words = "a,b\n", ids = "a,b\n", counts = "id,b\n", empty = "a,b\n";
  for (int i = 0; i < 3000; ++i) {
    words += fmt::format("{},{}\n", i % 7, i % 2 ? "yes" : "no");
    ids += fmt::format("n{},{}\n", i, i % 7);
    counts += fmt::format("{},{}\n", i, i % 7);
    empty += fmt::format("{},\n", i % 7);
  }
  EXPECT_EQ(read(words).column_names.size(), 2u);
  EXPECT_EQ(read(words + "1,maybe\n").column_names, Names{"a"});
  EXPECT_EQ(read(ids).train.ids.size(), 3000u);
  EXPECT_EQ(read(ids + "n7,1\n").id_name, "");
  EXPECT_EQ(read(counts).id_name, "id");
  EXPECT_EQ(read(counts + "7,1\n").column_names, (Names{"id", "b"}));
  EXPECT_EQ(read(empty).column_names, Names{"a"});
  EXPECT_EQ(read(empty + "1,2\n").column_names, (Names{"a", "b"}));
}

TEST(CsvReader, NumbersThatF32WouldMergeStayApart) {
  std::string text = "time,value\n";
  for (int i = 0; i < 400; ++i) text += fmt::format("{},{}\n", 1714521600 + i, i % 9 * 0.25);
  RawData data = read(text);
  ASSERT_EQ(data.train.x.dtype, DType::f64);
  for (size_t i = 0; i < 400; ++i) EXPECT_EQ(x_of(data)[2 * i], 1714521600.0 + double(i));
  EXPECT_EQ(read("a,b\n1,2\n3,4.1\n").train.x.dtype, DType::f32);
  EXPECT_EQ(read("m,q\n2.2e20,4e-21\n1e19,1e-20\n").column_names.size(), 2u);
  EXPECT_EQ(x_of(read("a,b\n1e300,1\n2e300,2\n"))[2], 2e300);
  EXPECT_EQ(x_of(read("a,b\n1e-300,1\n2e-300,2\n"))[2], 2e-300);
  EXPECT_EQ(x_of(read("a,b\n16777217,1\n0,2\n5,1\n"))[0], 16777217);
  EXPECT_EQ(x_of(read(many_rows() + "16777217,1\n")).at(6000), 16777217) << "a later row";
}

// ---- Rows and columns of other kinds.

TEST(CsvReader, CommentsAndBlanksAreRead) {
  RawData data = read("# a b c\n1.5e+00 2.5e-01 -3\n4 5 6\n# the end\n\n");
  EXPECT_EQ(data.column_names, (Names{"a", "b", "c"}));
  EXPECT_EQ(x_of(data), (std::vector<double>{1.5, 0.25, -3, 4, 5, 6}));
  EXPECT_TRUE(says(data, "the comment above the first row names the columns: a, b, c"));
  EXPECT_TRUE(says(data, "2 lines starting with #"));
  EXPECT_TRUE(says(data, "blanks"));
  EXPECT_EQ(read("  1.0   2.0\n 10.0  20.0\n").column_names, (Names{"column 1", "column 2"}));
}

TEST(CsvReader, ACountOfTheRowsIsAnIndexAndKept) {
  for (const char* name : {"", "Unnamed: 0", "index", "id", "ID", "row", "#"}) {
    for (int first : {0, 1}) {
      std::string text = fmt::format("{},a,b\n", name);
      for (int i = 0; i < 6; ++i) text += fmt::format("{},{},{}\n", first + i, i * i % 5, i % 2);
      RawData data = read(text);
      EXPECT_EQ(data.column_names, (Names{"a", "b"})) << text;
      ASSERT_EQ(data.train.ids.size(), 6u);
      EXPECT_EQ(data.train.ids[2], std::to_string(first + 2));
      EXPECT_TRUE(says(data, fmt::format("counts the rows from {}", first)));
      EXPECT_EQ(data.column_reports[0].role, "id");
      EXPECT_EQ(read(text, {.id = "none"}).column_names.size(), 3u);
    }
  }
  EXPECT_EQ(read("id,a\n17,1\n4,2\n9,5\n").id_name, "id") << "whole numbers that all differ";
  EXPECT_EQ(read(",a\n17,1\n4,2\n9,5\n").id_name, "column 1");
  for (const char* text : {"x,a\n0,1\n1,2\n2,5\n", "id,a\n4,1\n4,2\n9,5\n", "id,a\n0.5,1\n1,2\n",
                           "index,a\n100.5,1\n101,2\n", "1,5\n2,6\n3,9\n", "id\n1\n2\n3\n"}) {
    EXPECT_EQ(read(text).id_name, "") << text;
  }
  EXPECT_EQ(read("0,5\n1,6\n2,9\n3,1\n4,4\n").column_names, Names{"column 2"}) << "no header";
}

TEST(CsvReader, TextsThatAllDifferNameTheRows) {
  RawData data = read("name,a,city\nann,1,x\nben,2,y\ncat,3,x\n");
  EXPECT_EQ(data.id_name, "name");
  EXPECT_EQ(data.train.ids, (Names{"ann", "ben", "cat"}));
  EXPECT_EQ(data.column_names, (Names{"a", "city"}));
  EXPECT_TRUE(says(data, "'name'"));
  RawData named = read("name,a,n\nann,1,7\nben,2,7\ncat,3,8\n", {.id = "n"});
  EXPECT_EQ(named.train.ids, (Names{"7", "7", "8"}));
  RawData both = read("id,name,a\n1,ann,1\n2,ben,2\n3,cat,3\n");
  EXPECT_EQ(both.id_name, "name") << "a name says more than a number";
  EXPECT_EQ(both.column_names, Names{"a"});
  RawData twice = read("Unnamed: 0.1,Unnamed: 0,a\n0,0,5\n1,1,2\n2,2,9\n");
  EXPECT_EQ(twice.column_names, Names{"a"});
  EXPECT_TRUE(says(twice, "'Unnamed: 0' is left out as row numbers"));
}

TEST(CsvReader, TwoTextsAreZeroAndOne) {
  RawData data = read("a,s,on,f,w\n1,M,yes,True,b\n2,F,no,False,a\n3,F,yes,True,b\n4,M,,True,b\n");
  EXPECT_EQ(data.column_names, (Names{"a", "s", "on", "f", "w"}));
  EXPECT_EQ(x_of(data),
            (std::vector<double>{1, 1, 1, 1, 1, 2, 0, 0, 0, 0, 3, 0, 1, 1, 1, 4, 1, 0, 1, 1}));
  EXPECT_EQ(values<uint8_t>(data.train.mask)[17], 0);
  for (const char* words :
       {"M = 1, F = 0", "yes = 1, no = 0", "True = 1, False = 0", "b = 1, a = 0"}) {
    EXPECT_TRUE(says(data, words)) << words;
  }
  EXPECT_EQ(x_of(read("a,b\n1,Yes\n2,no\n3,yes\n4,NO\n5,no\n"))[3], 0) << "in any case";
  EXPECT_EQ(x_of(read("a,b\n1,TRUE\n2,0\n3,FALSE\n4,1\n"))[3], 0) << "beside numbers";
}

TEST(CsvReader, TextsAreLeftOutInOneLine) {
  RawData data = read("a,city,kind\n1,x,p\n2,y,q\n3,z,r\n4,x,p\n");
  EXPECT_EQ(data.column_names, Names{"a"});
  EXPECT_TRUE(says(data, "columns 'city', 'kind': left out, for texts cannot be modelled yet"));
  EXPECT_EQ(report_of(data, "city").role, "left out");
  EXPECT_EQ(report_of(data, "city").taken_as, "texts, 3 different");
  EXPECT_EQ(
      error_of("a,b\nx,p\ny,q\nz,r\nx,p\n", {}, {.header = "yes"}),
      "a.csv: no columns are left to model beside the target, the id and those dropped; texts "
      "in 'a', 'b'\nA model needs a column of numbers, of dates, or of two texts such as yes "
      "and no.");
  std::string message = error_of("a,b\n1,p\n2,q\n3,r\n4,p\n", {.features = {"b"}});
  EXPECT_NE(message.find("'b' (numbers): 'p' in 2 rows, 'q' in 1 row, 'r' in 1 row"),
            std::string::npos)
      << message;
}

TEST(CsvReader, DatesAreDaysOrSecondsAndSaid) {
  RawData days = read("day,a\n1970-01-02,1\n1970-01-11,2\n");
  EXPECT_EQ(x_of(days), (std::vector<double>{1, 1, 10, 2}));
  EXPECT_TRUE(says(days, "'day' (such as 1970-01-02): days since 1970-01-01"));
  RawData seconds = read("t,a\n2024-05-01T00:00:00,1\n2024-05-01T00:00:01,2\n");
  EXPECT_EQ(x_of(seconds)[2], 1714521601);
  EXPECT_TRUE(says(seconds, "seconds since 1970-01-01"));
  EXPECT_EQ(x_of(read("t,a\n01/02/1970,1\n13/01/1970,2\n"))[0], 31) << "13 is no month";
  EXPECT_EQ(x_of(read("t,a\n01/02/1970,1\n01/13/1970,2\n"))[0], 1);
  EXPECT_EQ(x_of(read("t,a\n01.02.1970,1\n03.04.1970,2\n"))[0], 31) << "after dots days are first";
  RawData unclear = read("t,a\n01/02/1970,1\n03/04/1970,2\n05/06/1970,2\n");
  EXPECT_EQ(unclear.column_names, Names{"a"});
  EXPECT_TRUE(says(unclear, "nothing tells whether day or month comes first"));
  EXPECT_EQ(x_of(read("t,a\n12:30,1\n01:00,2\n"))[0], 45000);
}

// ---- Missing cells, sentinels, constants.

TEST(CsvReader, UsualWordsForMissingAreMaskedAndCounted) {
  for (const char* word :
       {"NA", "N/A", "NaN", "nan", "None", "null", "NULL", "#N/A", "-", "?", ""}) {
    RawData data = read(fmt::format("a,b\n1,{}\n2,3\n{},4\n", word, word));
    EXPECT_EQ(values<uint8_t>(data.train.mask), (std::vector<uint8_t>{1, 0, 1, 1, 0, 1})) << word;
    EXPECT_NE(flags_of(data, "b").find("missing in 1 row"), std::string::npos) << word;
  }
}

TEST(CsvReader, UnknownTextsAreListedAtOnceAndTheirHintWorks) {
  std::string text = "hb,crp\n1,low\n2,3\nn.d.,4\n\"a,b\",low\n5,6\n6,7\n";
  std::string message = error_of(text);
  EXPECT_NE(message.find("'hb' (numbers): 'a,b' in 1 row, 'n.d.' in 1 row"), std::string::npos)
      << message;
  EXPECT_NE(message.find("'crp' (numbers): 'low' in 2 rows"), std::string::npos) << message;
  EXPECT_TRUE(message.starts_with("a.csv:2: ")) << message;
  // The list of the hint, as a shell and then the program read it.
  const std::string flag = "--reader.missing '";
  size_t begin = message.find(flag) + flag.size(), end = message.find('\'', begin);
  CsvOptions options = read_options<CsvOptions>([&] {
    Value v;
    v["missing"] = parse_setting(message.substr(begin, end - begin));
    return v;
  }());
  EXPECT_EQ(options.missing.size(), 3u);
  EXPECT_EQ(values<uint8_t>(read(text, {}, options).train.mask),
            (std::vector<uint8_t>{1, 0, 1, 1, 0, 1, 0, 0, 1, 1, 1, 1}));
  EXPECT_EQ(read(text, {.drop = {"crp"}}, options).column_names, Names{"hb"});
}

TEST(CsvReader, ManyDifferentTextsAmongNumbersMakeTexts) {
  std::string text = "a,ticket\n", few = text;
  for (int i = 0; i < 60; ++i) {
    text += fmt::format("{},{}{}\n", i % 7, i % 2 ? "A" : "", i);
    few += fmt::format("{},{}{}\n", i % 7, i % 6 == 0 ? "A" : "", i);
  }
  EXPECT_EQ(read(text).column_names, Names{"a"});
  EXPECT_EQ(report_of(read(text), "ticket").why, "30 cells are no numbers");
  EXPECT_NE(error_of(few).find("'A18' in 1 row, 'A24' in 1 row"), std::string::npos)
      << error_of(few);
}

TEST(CsvReader, TextsThatAreCutInAMessageAreNotInItsHint) {
  std::string message = error_of("a,b\n1,2\n2," + std::string(80, 'x') + "\n3,3\n");
  EXPECT_EQ(message.find("--reader.missing"), std::string::npos) << message;
  EXPECT_NE(message.find("leave the column out: --drop b"), std::string::npos) << message;
}

TEST(CsvReader, SentinelsAreFlaggedAndMayBeCountedMissing) {
  for (const char* sentinel : {"-999", "-9999", "9999", "-999.0", "99999", "-1e30"}) {
    std::string text = "a,b\n";
    for (int i = 0; i < 20; ++i) {
      text += fmt::format("{},{}\n", i % 5 == 2 ? sentinel : std::to_string(i % 7), i % 3);
    }
    RawData data = read(text);
    EXPECT_NE(flags_of(data, "a").find("in 4 rows may mean missing"), std::string::npos)
        << sentinel;
    EXPECT_EQ(flags_of(data, "b"), "");
    EXPECT_TRUE(data.train.mask.empty()) << "they are not altered";
    EXPECT_TRUE(says(data, "--reader.missing"));
    RawData masked = read(text, {}, {.missing = {fmt::format("{}", std::stod(sentinel))}});
    EXPECT_EQ(values<uint8_t>(masked.train.mask)[4], 0) << sentinel;
    EXPECT_FALSE(says(masked, "may mean missing"));
  }
  std::string both = "a,b\n";
  for (int i = 0; i < 20; ++i) both += fmt::format("{},1\n", i == 3 ? -9999 : i == 5 ? -999 : i);
  EXPECT_NE(flags_of(read(both), "a").find("-999 in 1 row may"), std::string::npos);
  EXPECT_NE(flags_of(read(both), "a").find("-9999 in 1 row may"), std::string::npos);
  EXPECT_EQ(flags_of(read("a,b\n900,1\n950,2\n999,3\n980,1\n"), "a"), "") << "not far from others";
}

TEST(CsvReader, ConstantsAreNamed) {
  RawData data = read("a,b,c\n1,5,2\n2,5,3\n");
  EXPECT_EQ(flags_of(data, "b"), "constant, 5");
  EXPECT_TRUE(says(data, "column 'b': the same in every row"));
  EXPECT_EQ(flags_of(read("a,b\n1e-20,1\n2e-20,2\n"), "a"), "");
}

TEST(CsvReader, ColumnsWithoutAnyCellAreLeftOut) {
  RawData data = read("a,b\n1,\n2,NA\n");
  EXPECT_EQ(data.column_names, Names{"a"});
  EXPECT_TRUE(says(data, "column 'b': left out, for every cell is missing"));
}

// ---- What the user says of columns.

TEST(CsvReader, ColumnsAreNamedOrNumbered) {
  std::string text = "a,b,\"City, State\"\n1,2,x0\n3,4,x1\n5,6,x2\n";
  EXPECT_EQ(read(text, {.drop = {"City, State", "2"}}).column_names, Names{"a"});
  EXPECT_EQ(read(text, {.features = {"2"}}).column_names, Names{"b"});
  EXPECT_EQ(read(text, {.id = "City, State"}).train.ids, (Names{"x0", "x1", "x2"}));
  EXPECT_EQ(read(text, {.target = "3"}).target_name, "City, State");
  EXPECT_EQ(read("5,1\n6,2\n9,2\n", {.drop = {"column 1"}}).column_names, Names{"column 2"});
  EXPECT_EQ(error_of(text, {.drop = {"City"}}),
            "a.csv: drop: no column 'City'\nKnown: a, b, City, State");
  EXPECT_EQ(error_of(text, {.features = {"4"}}),
            "a.csv: columns: no column '4'\nKnown: a, b, City, State");
  EXPECT_EQ(error_of(text, {.target = "a", .id = "a"}),
            "a.csv: column 'a' is both the target and the id");
}

TEST(CsvReader, AModelsColumnsAreTakenInItsOrderAndOthersLeftOut) {
  ReadRequest model;
  model.columns = {"a", "b", "c"};
  model.target_may_lack = true;
  RawData data = read("c,new,id,b,a\n3,9,0,2,1\n6,9,1,5,4\n", model);
  EXPECT_EQ(x_of(data), (std::vector<double>{1, 2, 3, 4, 5, 6}));
  EXPECT_TRUE(says(data, "column 'new': left out, for the model does not take them"));
  EXPECT_EQ(data.train.ids, (Names{"0", "1"}));
  EXPECT_EQ(error_of("c,a,x\n1,2,3\n4,5,6\n", model),
            "a.csv: lacks a column that the model takes: 'b'\nIt takes 'a', 'b', 'c'.");
  model.columns = {"label", "id"};
  EXPECT_EQ(read("id,label\n0,5\n1,7\n2,7\n", model).column_names, model.columns);
  RawData bare = read("1,2,3\n4,5,6\n");
  model.columns = bare.column_names;
  EXPECT_EQ(x_of(read("7,8,9\n1,2,3\n", model))[1], 8);
}

TEST(CsvReader, AModelReadsOtherFilesAsItReadTheFirst) {
  RawData first = read(
      "a,on,day,x\n1,ja,13/01/1970,\"0,5\"\n2,nein,01/02/1970,\"1,5\"\n3,ja,01/02/1970,\"2,5\"\n");
  ReadRequest model;
  model.columns = first.column_names;
  model.codes = first.column_codes;
  ASSERT_EQ(model.codes.size(), 4u);
  // Alone, this file would be read otherwise: no "ja", a date that could be either, digits grouped.
  RawData other =
      read("a,on,day,x\n1,nein,01/02/1970,\"1,500\"\n2,nein,01/02/1970,\"2,250\"\n", model);
  EXPECT_EQ(x_of(other), (std::vector<double>{1, 0, 31, 1.5, 2, 0, 31, 2.25}));
  EXPECT_EQ(other.column_codes, model.codes);
  EXPECT_EQ(x_of(read("a,on,day,x\n1,0.5,05.01.1970,3\n", model))[1], 0.5) << "numbers stay";
  std::string message =
      error_of("a,on,day,x\n1,vielleicht,01/02/1970,1\n2,oder,01/02/1970,1\n", model);
  EXPECT_NE(message.find("'on' (ja = 1, nein = 0): 'oder' in 1 row, 'vielleicht' in 1 row"),
            std::string::npos)
      << message;
}

// ---- Encodings, line ends, ragged rows, odd tables.

TEST(CsvReader, TextsOfOtherEncodingsAreRead) {
  std::string latin =
      "Temp \xB0"
      "C,Gr\xF6\xDF"
      "e\n1,2\n3,4\n";
  EXPECT_EQ(read(latin).column_names, (Names{"Temp \xC2\xB0"
                                             "C",
                                             "Gr\xC3\xB6\xC3\x9F"
                                             "e"}));
  EXPECT_TRUE(says(read(latin), "Windows-1252"));
  std::string wide = "\xFF\xFE";
  for (char c : std::string("a\tb\r\n1\t2\r\n3\t4\r\n")) wide += std::string(1, c) + '\0';
  EXPECT_EQ(x_of(read(wide)), (std::vector<double>{1, 2, 3, 4}));
  EXPECT_TRUE(says(read(wide), "the text is UTF-16 LE"));
  RawData words = read("a,b\n1,\xE9t\xE9\n2,hiver\n3,hiver\n");
  EXPECT_TRUE(says(words, "\xC3\xA9t\xC3\xA9 = 1"))
      << fmt::format("{}", fmt::join(words.notes, "\n"));
  EXPECT_EQ(read("a,y\n1,\xE9t\xE9\n2,hiver\n3,hiver\n").label_names[1], "\xC3\xA9t\xC3\xA9");
}

TEST(CsvReader, LineEndsAndEmptyRowsDoNotMatter) {
  for (const char* text : {"a,b\r1,2\r3,4\r", "a,b\r\n1,2\r\n3,4", "a,b\n\n1,2\n\n3,4\n,\n",
                           "a,b,\n1,2,\n3,4,\n", "a,b\n1,2,\n3,4\n"}) {
    EXPECT_EQ(x_of(read(text)), (std::vector<double>{1, 2, 3, 4})) << text;
  }
  EXPECT_EQ(read("name,a\n\"x\ny\",1\n\"z\",2\n").train.ids, (Names{"x\ny", "z"}));
  EXPECT_EQ(error_of("a,b\n1,2\n3\n4,5\n"),
            "a.csv:3: row has 1 fields, expected 2 as in line 1\n"
            "Fields are separated by ','; one that holds it must be quoted.");
}

TEST(CsvReader, PixelsAreSuggestedAndTakenAsPictures) {
  Rng rng(1, "pixels");
  std::string header = "label", rows;
  for (int p = 0; p < 64; ++p) header += fmt::format(",pixel{}", p);
  for (int i = 0; i < 5; ++i) {
    rows += fmt::format("{}", i % 2);
    for (int p = 0; p < 64; ++p) rows += fmt::format(",{}", rng.below(256));
    rows += "\n";
  }
  std::string text = header + "\n" + rows;
  RawData table = read(text);
  EXPECT_EQ(table.kind, "table");
  EXPECT_TRUE(says(table, "--image 8x8"));
  RawData images = read(text, {.image = {8, 8}});
  EXPECT_EQ(images.kind, "image");
  EXPECT_EQ(images.train.x.dtype, DType::u8);
  EXPECT_EQ(images.train.x.shape, (std::vector<int64_t>{5, 8, 8}));
  EXPECT_EQ(values<uint8_t>(images.train.x)[70], x_of(table)[70]);
  EXPECT_FALSE(says(images, "--image"));
  EXPECT_TRUE(says(read(rows), "--target 1 --image 8x8")) << "no header";
  std::string bright = rows.substr(0, rows.find('\n'));
  bright.replace(bright.rfind(','), std::string::npos, ",256");
  EXPECT_FALSE(says(read(text + bright + "\n"), "--image")) << "no byte";
  EXPECT_EQ(read(rows, {.target = "1", .image = {8, 8}}).train.x.shape, images.train.x.shape);
  EXPECT_NE(error_of(text, {.image = {9, 9}}).find("--image 9x9 needs 81 columns, but 64 are left"),
            std::string::npos);
  EXPECT_NE(error_of(text + rows.substr(0, rows.find('\n') - 1) + ".5\n", {.image = {8, 8}})
                .find("is no pixel"),
            std::string::npos);
  EXPECT_FALSE(
      says(read(header + ",other\n0" + rows.substr(1, rows.find('\n') - 1) + ",300\n"), "--image"));
}

}  // namespace
}  // namespace elbo
