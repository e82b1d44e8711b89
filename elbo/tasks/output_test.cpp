// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/output.h"

#include <gtest/gtest.h>

#include "elbo/io/image.h"
#include "elbo/io/npy.h"
#include "elbo/io/zip.h"
#include "elbo/tasks/pictures.h"
#include "elbo/tasks/testing.h"
#include "elbo/tensor/convert.h"

namespace elbo {
namespace {

Output latents() {
  Tensor z = at::tensor({0.1, -2.5, 3.0, 1e-7, 5.0, -6.0}, at::kFloat).view({3, 2});
  return {{{"mean", z}, {"sd", z.abs()}},
          {"z0", "z1"},
          {{"row", {"7", "9", "8"}}, {"kind", {"a", "b,c", "d"}}},
          {}};
}

TEST(Output, NumbersComeBackExactlyFromEveryFormat) {
  Output out = latents();
  for (const char* name : {"a.npy", "a.npz", "a.csv"}) {
    Path path = test_folder() / name;
    write_output(path, out, true);
    EXPECT_TRUE(at::equal(read_latents(path, 2), out.arrays[0].second)) << name;
  }
}

TEST(Output, NumbersKeepTheDigitsOfTheirType) {
  Tensor x = at::tensor({1714521601.25, 1e-20, 0.1}, at::kDouble).view({3, 1});
  Path path = test_folder() / "digits.csv";
  write_output(path, {{{"x", x}}, {"t"}, {}, {}}, true);
  EXPECT_EQ(read_text(path), "t\n1714521601.25\n1e-20\n0.1\n");
  write_output(path, {{{"x", x.to(at::kFloat)}}, {"t"}, {}, {}}, true);
  EXPECT_EQ(read_text(path), "t\n1714521600\n1e-20\n0.1\n");
}

TEST(Output, PartsMakeTheWhole) {
  Output whole = latents();
  for (const char* name : {"parts.npy", "parts.csv"}) {
    Path path = test_folder() / name;
    write_output(path, whole, true);
    std::string expected = read_text(path);
    {
      OutputWriter writer(path, true, 3);
      for (int64_t row = 0; row < 3; ++row) {
        Output part = whole;
        for (auto& [array, tensor] : part.arrays) tensor = tensor.narrow(0, row, 1);
        for (TextColumn& key : part.keys) key.cells = {key.cells[size_t(row)]};
        EXPECT_EQ(read_text(path), expected) << "nothing is there before the end";
        writer.add(part);
      }
      writer.finish();
    }
    EXPECT_EQ(read_text(path), expected) << name;
  }
  EXPECT_FALSE(OutputWriter::takes_parts("a.npz"));
}

TEST(Output, PartsThatDoNotMakeTheWholeLeaveNoFile) {
  Path path = test_folder() / "half.csv";
  {
    OutputWriter writer(path, false, 4);
    writer.add(latents());
    EXPECT_THROW(writer.finish(), Error);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  for (const auto& entry : std::filesystem::directory_iterator(test_folder())) {
    EXPECT_EQ(entry.path().filename().string().find("half.csv"), std::string::npos);
  }
}

TEST(Output, NeverOverwritesUnlessForced) {
  Path path = test_folder() / "kept.csv";
  write_file(path, "mine\n");
  try {
    write_output(path, latents(), false);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::usage);
    EXPECT_NE(e.message().find("kept.csv"), std::string::npos);
  }
  EXPECT_EQ(read_text(path), "mine\n");
  write_output(path, latents(), true);
  EXPECT_TRUE(read_text(path).starts_with("row,kind,z0,z1\n7,a,0.1,-2.5\n9,\"b,c\",3,1e-07\n"));
}

TEST(Output, KeysCalledLikeColumnsAreNumbered) {
  Output out = latents();
  out.columns = {"row", "kind_2"};
  Path path = test_folder() / "clash.csv";
  write_output(path, out, true);
  EXPECT_TRUE(read_text(path).starts_with("row_2,kind,row,kind_2\n")) << read_text(path);
  out.keys = {{"id", {"a", "b", "c"}}, {"id", {"d", "e", "f"}}};
  write_output(path, out, true);
  EXPECT_TRUE(read_text(path).starts_with("id,id_2,row,kind_2\na,d,")) << read_text(path);
}

TEST(Output, KeepsTheDigitsOfDoublesAndLeavesNumbersThatAreNotThereOut) {
  Output out;
  out.arrays = {{"x", at::tensor({1700000000.125, 1e-20, 0.1, NAN}, at::kDouble).view({2, 2})}};
  out.columns = {"a", "b"};
  Path path = test_folder() / "doubles.csv";
  write_output(path, out, true);
  EXPECT_EQ(read_text(path), "a,b\n1700000000.125,1e-20\n0.1,\n");
}

TEST(Output, RefusesUnknownFormatsAndPicturesOfTables) {
  EXPECT_THROW(check_output("out.gif", false), Error);
  EXPECT_THROW(check_output("out", false), Error);
  EXPECT_THROW(write_output(test_folder() / "table.png", latents(), false), Error);
  EXPECT_FALSE(std::filesystem::exists(test_folder() / "table.png"));
}

TEST(Output, APictureComesBackAsWritten) {
  Output out = latents();
  out.picture = picture_grid(at::arange(48, at::kFloat).view({3, 1, 4, 4}) * 5, {}, 3);
  Path path = test_folder() / "grid.png";
  write_output(path, out, false);
  Array back = parse_png(read_file(path), "grid.png").pixels;
  EXPECT_EQ(back.shape, (std::vector<int64_t>{4, 14, 1}));
  EXPECT_EQ(back.data, out.picture.data);
}

TEST(Output, AnNpzHoldsTheKeysOfTheCsv) {
  Output out = latents();
  out.arrays.emplace_back("row", at::tensor({7, 9, 8}, at::kLong));
  out.arrays.emplace_back("y", at::tensor({0, 1, 0}, at::kLong));
  out.keys = {{"row", {"7", "9", "8"}},    {"id", {"007", "8", "9"}},
              {"split", {"1", "10", "0"}}, {"y", {"a", "b", "a"}},
              {"mean", {"u", "v", "w"}},   {"decoded", {"draw", "draw", "draw"}}};
  Path path = test_folder() / "keys.npz";
  write_output(path, out, true);
  Bytes bytes = read_file(path);
  ZipFile zip(bytes, "keys.npz");
  std::vector<std::string> names;
  for (const ZipEntry& entry : zip.entries()) names.push_back(entry.name);
  ASSERT_EQ(names, (std::vector<std::string>{"mean.npy", "sd.npy", "row.npy", "y.npy", "split.npy",
                                             "id.npy", "y_2.npy", "mean_2.npy", "decoded.npy"}));
  auto texts = [&](const char* name) {
    return parse_npy_texts(zip.extract(*zip.find(name)), name);
  };
  EXPECT_EQ(texts("id.npy"), out.keys[1].cells);
  EXPECT_EQ(texts("y_2.npy"), out.keys[3].cells);
  EXPECT_EQ(texts("decoded.npy"), out.keys[5].cells);
  Array split = parse_npy(zip.extract(*zip.find("split.npy")), "split");
  EXPECT_TRUE(at::equal(to_tensor(split), at::tensor({1, 10, 0}, at::kLong)));
  EXPECT_TRUE(at::equal(read_latents(path, 2), out.arrays[0].second));
}

TEST(Output, APictureSaysWhetherItShowsMeansOrDraws) {
  Output out = latents();
  out.picture = picture_grid(at::arange(48, at::kFloat).view({3, 1, 4, 4}) * 5, {}, 3);
  out.keys.push_back({"decoded", {"mean", "mean", "mean"}});
  Path path = test_folder() / "told.png";
  write_output(path, out, false);
  EXPECT_NE(read_text(path).find(std::string("tEXtdecoded\0mean", 16)), std::string::npos);
}

TEST(Output, AFormatStandsAboveTheName) {
  Path path = test_folder() / "numbers.txt";
  write_output({path, "csv"}, latents(), false);
  EXPECT_TRUE(read_text(path).starts_with("row,kind,z0,z1\n"));
  EXPECT_TRUE(OutputFile("-").is_standard());
  EXPECT_FALSE(OutputFile("./-").is_standard());
}

TEST(Latents, AreAllColumnsWhereNoneIsNamed) {
  Path path = test_folder() / "z.csv";
  write_file(path, "1,2\n3,4\n");
  EXPECT_TRUE(at::equal(read_latents(path, 2), at::tensor({1.0f, 2.0f, 3.0f, 4.0f}).view({2, 2})));
  EXPECT_THROW(read_latents(path, 1), Error);
}

TEST(Latents, RefusesAnotherNumberOfDimensionsAndText) {
  Path path = test_folder() / "z.csv";
  write_file(path, "z0,z1\n1,2\n");
  EXPECT_THROW(read_latents(path, 3), Error);
  write_file(path, "z0,z1,z2\n1,2,3\n");
  EXPECT_THROW(read_latents(path, 2), Error);
  write_file(path, "z0,z1\n1,two\n");
  try {
    read_latents(path, 2);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(e.message().find("z.csv:2: column 'z1'"), std::string::npos) << e.message();
  }
}

TEST(Pictures, RoundAndStayWithinBytes) {
  Array p = to_pictures(at::tensor({-7.0, 0.4, 99.6, 300.0}, at::kFloat).view({1, 1, 2, 2}), {});
  EXPECT_EQ(p.shape, (std::vector<int64_t>{1, 2, 2, 1}));
  EXPECT_EQ(std::vector<uint8_t>(p.as<uint8_t>().begin(), p.as<uint8_t>().end()),
            (std::vector<uint8_t>{0, 0, 100, 255}));
}

TEST(Pictures, BlackAndWhiteAreTheEndsOfTheRange) {
  for (ValueRange range : {ValueRange{0, 1}, {-1, 1}, {0, 16}, {29000, 32000}}) {
    double middle = (range.lo + range.hi) / 2, beyond = range.hi + (range.hi - range.lo);
    Tensor x = at::tensor({range.lo, range.hi, middle, beyond}, at::kFloat).view({1, 1, 2, 2});
    Array p = to_pictures(x, range);
    EXPECT_EQ(p.as<uint8_t>()[0], 0);
    EXPECT_EQ(p.as<uint8_t>()[1], 255);
    EXPECT_NEAR(p.as<uint8_t>()[2], 127.5, 0.6);
    EXPECT_EQ(p.as<uint8_t>()[3], 255);
    Tensor three = x.expand({3, 1, 2, 2});  // two rows of two: the last place stays empty
    Array grid = paired_grid(three, three, range, 2);
    EXPECT_EQ(grid.as<uint8_t>().back(), 128) << "a gap is grey in any units";
  }
}

TEST(Pictures, LargeOnesAreMadeSmallerInProportion) {
  EXPECT_EQ(to_pictures(at::zeros({2, 3, 300, 150}), {}).shape,
            (std::vector<int64_t>{2, 128, 64, 3}));
}

TEST(Pictures, EachIsAboveItsPartner) {
  Tensor above = at::arange(3, at::kFloat).view({3, 1, 1, 1}) * 10, below = above + 100;
  Array grid = paired_grid(above, below, {}, 2);
  ASSERT_EQ(grid.shape, (std::vector<int64_t>{7, 3, 1}));
  auto at = [&](size_t y, size_t x) { return int(grid.as<uint8_t>()[y * 3 + x]); };
  EXPECT_EQ(at(0, 2), 10);
  EXPECT_EQ(at(2, 2), 110);
  EXPECT_EQ(at(4, 0), 20);
  EXPECT_EQ(at(6, 0), 120);
}

}  // namespace
}  // namespace elbo
