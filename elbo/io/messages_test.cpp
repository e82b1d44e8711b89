// SPDX-License-Identifier: Apache-2.0
// The exact words of the errors that users meet. "D" stands for the folder of the test's files.
#include <cmath>

#include "elbo/io/idx.h"
#include "elbo/io/image.h"
#include "elbo/io/npy.h"
#include "elbo/io/reader.h"
#include "elbo/io/readers.h"
#include "elbo/io/testing.h"

namespace elbo {
namespace {

class Messages : public FolderTest {
 protected:
  /// What reading D/name says, with the folder's path written as D.
  std::string read(const std::string& name, const Part& reader = "auto",
                   const std::string& target = "") {
    std::string message = message_of([&] { read_data(folder / name, reader, {target}); });
    std::string path = folder.string();
    for (size_t at; (at = message.find(path)) != std::string::npos;) {
      message.replace(at, path.size(), "D");
    }
    return message;
  }
  std::string read_csv(std::string_view text, const std::string& target = "") {
    put("a.csv", text);
    return read("a.csv", "auto", target);
  }
  void put_array(const std::string& name, const Array& array) { put(name, encode_npy(array)); }
  void put_picture(const std::string& name, int64_t height = 2) {
    put(name, encode_png(bytes_array({height, 2, 1})));
  }
};

TEST_F(Messages, PathsThatCannotBeRead) {
  put("table.csv", "a,b\n1,2\n");
  EXPECT_EQ(read("tabel.csv"),
            "D/tabel.csv does not exist; did you mean 'D/table.csv'?\n"
            "Shipped data sets: mnist, moons");
  EXPECT_EQ(message_of([] { read_data("mnits"); }),
            "mnits does not exist; did you mean 'mnist'?\n"
            "Shipped data sets: mnist, moons");
  EXPECT_EQ(message_of([] { read_data("mnits", "shipped"); }),
            "unknown shipped data set 'mnits'; did you mean 'mnist'?\nKnown: mnist, moons");
  put("empty", "");
  EXPECT_EQ(read("empty"), "D/empty: the file is empty");
  std::filesystem::create_directory(folder / "bare");
  std::string formats =
      "\nFormats known:\n"
      "  shipped       a data set that comes with elbo, by name\n"
      "  idx           MNIST's IDX files, plain or .gz, or a folder of them\n"
      "  npy           one NumPy array\n"
      "  npz           NumPy arrays in a zip: x, y, x_test, y_test\n"
      "  image-folder  PNG and JPEG pictures; sub-folders are classes\n"
      "  csv           a table of numbers as text: .csv, .tsv, plain or .gz";
  EXPECT_EQ(read("bare"),
            "D/bare: holds neither pictures nor IDX files\n"
            "Put PNG or JPEG pictures into it, or a sub-folder of them for each class.");
  put("named.idx", "\1\2\3");
  EXPECT_EQ(read("named.idx"),
            "D/named.idx: named like an IDX file but its first bytes are not\n"
            "The file is damaged or misnamed; get it again.");
  put("model.bin",
      "\x7f"
      "ELF and so on");
  EXPECT_EQ(read("model.bin"), "D/model.bin: a file of unknown format" + formats);
  EXPECT_EQ(read("table.csv", "cvs"),
            "unknown reader 'cvs'; did you mean 'csv'?\n"
            "Known: auto, shipped, idx, npy, npz, image-folder, csv");
}

TEST_F(Messages, ReadersGivenAnotherFormat) {
  put("table.csv", "a,b\n1,2\n");
  EXPECT_EQ(read("table.csv", "npy"),
            "D/table.csv: not an npy file: expected \\x93NUMPY at byte 0");
  EXPECT_EQ(read("table.csv", "npz"),
            "D/table.csv: no zip end record in its last bytes\n"
            "The file is no zip, or was not copied whole; get it again.");
  EXPECT_EQ(read("table.csv", "image-folder"),
            "D/table.csv: 1 of 1 picture cannot be read:\n  table.csv: of an unknown format by its "
            "first bytes, expected PNG or JPEG\nGet them again, convert them to PNG, or move them "
            "elsewhere.");
  EXPECT_EQ(read("table.csv", "idx"),
            "D/table.csv: not an IDX file: bytes 0-3 are 612c 62 0a, expected 0000, a type (08, "
            "09, 0b, 0c, 0d, 0e) and 1 to 8 dimensions");
  std::filesystem::create_directory(folder / "bare");
  EXPECT_EQ(read("bare", "csv"), "D/bare: not a regular file");
}

TEST_F(Messages, IdxFilesThatDoNotBelongTogether) {
  put("train-images-idx3-ubyte", encode_idx(bytes_array({3, 2, 2})));
  put("train-labels-idx1-ubyte", encode_idx(bytes_array({2})));
  EXPECT_EQ(read("train-images-idx3-ubyte"),
            "D/train-labels-idx1-ubyte: labels of shape [2] for 3 examples, expected [3]");
  EXPECT_EQ(read("train-labels-idx1-ubyte"),
            "D/train-labels-idx1-ubyte: a labels file, expected images\n"
            "Give the images file; its labels are found beside it.");
  put("train-labels-idx1-ubyte", encode_idx(bytes_array({3})));
  put("t10k-images-idx3-ubyte", encode_idx(bytes_array({3, 2, 5})));
  EXPECT_EQ(read("train-images-idx3-ubyte"),
            "D/t10k-images-idx3-ubyte: examples [2, 5] of u8, expected [2, 2] of u8 as in "
            "D/train-images-idx3-ubyte");
  EXPECT_EQ(read("train-images-idx3-ubyte", "auto", "classes.idx"),
            "D/train-images-idx3-ubyte: no labels file 'classes.idx' beside it or here\n"
            "For IDX data the target is a file of labels.");
  put("other-train-images-idx3-ubyte", encode_idx(bytes_array({3, 2, 2})));
  EXPECT_EQ(read("", "idx"),
            "D/: 2 IDX images files, expected one; name the one to read:\n"
            "  D/other-train-images-idx3-ubyte\n  D/train-images-idx3-ubyte");
  put("none.idx", encode_idx(bytes_array({0, 2, 2})));
  EXPECT_EQ(read("none.idx"),
            "D/none.idx: an array of shape [0, 2, 2] holds no examples, expected [N, ...]");
}

TEST_F(Messages, NpzEntriesThatDoNotMakeADataSet) {
  put("a.npz", encode_npz({{"one", bytes_array({2, 2})}, {"two", bytes_array({2, 2})}}));
  EXPECT_EQ(read("a.npz"),
            "D/a.npz: arrays 'one' and 'two' could both be the examples\n"
            "Call one of them x: numpy.savez(path, x=...).");
  put("b.npz", encode_npz({{"a", bytes_array({2})}, {"b", bytes_array({2})}}));
  EXPECT_EQ(read("b.npz"),
            "D/b.npz: no array named x, data or images, and none of two or more dimensions; "
            "found a, b");
  put("c.npz", encode_npz({{"x", bytes_array({2, 2})}, {"label", bytes_array({3})}}));
  EXPECT_EQ(read("c.npz", "auto", "labl"),
            "D/c.npz: no array 'labl' to take as the target; did you mean 'label'?\n"
            "Known: x, label");
  EXPECT_EQ(read("c.npz", "auto", "label"),
            "D/c.npz: array 'label': labels of shape [3] for 2 examples, expected [2]");
  EXPECT_EQ(read("c.npz", "auto", "x"),
            "D/c.npz: array 'x' is the examples and cannot be the target");
  put("d.npz", encode_npz({{"x", bytes_array({2, 2})}, {"x_test", bytes_array({2, 3})}}));
  EXPECT_EQ(read("d.npz"),
            "D/d.npz: array 'x_test': examples [3] of f32, expected [2] of f32 as in array 'x'");
  put("e.npz", encode_npz({}));
  EXPECT_EQ(read("e.npz", "npz"), "D/e.npz: an npz file without arrays");
  put_array("f.npy", bytes_array({2, 2}));
  EXPECT_EQ(read("f.npy", "auto", "y.npy"),
            "D/f.npy: no labels file 'y.npy' beside it or here\n"
            "For npy data the target is another .npy file.");
  put_array("g.npy", make_array<float>(DType::f32, {1, 2}, {0, -INFINITY}));
  EXPECT_EQ(read("g.npy"),
            "D/g.npy: -inf at row 0, column 1 (from 0), expected a finite number\n"
            "Remove the row or replace the value.");
}

TEST_F(Messages, CellsThatAreNoNumbers) {
  EXPECT_EQ(read_csv("id,age\n1,36\n2,old\n"),
            "D/a.csv:3: cells that are no values of their columns\n"
            "'age' (numbers): 'old' in 1 row\n"
            "Mend the cells, or count these texts as missing: --reader csv --reader.missing old\n"
            "Or leave the column out: --drop age");
  EXPECT_EQ(read_csv("1,36\n2,old\n"),
            "D/a.csv:2: cells that are no values of their columns\n"
            "'column 2' (numbers): 'old' in 1 row\n"
            "Mend the cells, or count these texts as missing: --reader csv --reader.missing old\n"
            "Or leave the column out: --drop 'column 2'");
  EXPECT_EQ(read_csv("a,b,c\n1,inf,5\n1e400,2,low\n3,2,low\n4,2,7\n"),
            "D/a.csv:2: cells that are no values of their columns\n"
            "'a' (numbers): '1e400' in 1 row\n"
            "'b' (numbers): 'inf' in 1 row\n"
            "'c' (numbers): 'low' in 2 rows\n"
            "Mend the cells, or count these texts as missing: --reader csv --reader.missing "
            "1e400,inf,low\n"
            "Or leave the columns out: --drop a,b,c");
  EXPECT_EQ(read_csv("name,age\n"), "D/a.csv: holds a header and no rows");
  // Verbs that use a model take neither --reader nor --drop.
  ReadRequest of_model{.columns = {"id", "age"}};
  EXPECT_EQ(message_of([&] { read_csv_data("id,age\n1,36\n2,old\n", "a.csv", {}, of_model); }),
            "a.csv:3: cells that are no values of their columns\n"
            "'age' (numbers): 'old' in 1 row\n"
            "Mend the cells, or empty those that are missing.");
}

TEST_F(Messages, TargetsThatCannotBeUsed) {
  EXPECT_EQ(read_csv("age,wage\n1,2\n", "wgae"),
            "D/a.csv: target: no column 'wgae'; did you mean 'wage'?\nKnown: age, wage");
  EXPECT_EQ(read_csv("1,2\n3,4\n", "wage"),
            "D/a.csv: target 'wage': the file has no header, expected a column number from 1 to 2\n"
            "If its first row names the columns: --reader csv --reader.header yes");
  EXPECT_EQ(read_csv("a,y\n1,2\n3,\n"),
            "D/a.csv:3: column 'y': the target is missing ('')\n"
            "Remove the row, or fill the cell in.");
  EXPECT_EQ(read_csv("a,y\n1,2\n3,x\n"),
            "D/a.csv:3: cells that are no values of their columns\n"
            "'y' (numbers): 'x' in 1 row\n"
            "Mend the cells, or leave the column out: --drop y --target none");
  EXPECT_EQ(read_csv("y\n1\n2\n"),
            "D/a.csv: no columns are left to model beside the target, the id and those dropped\n"
            "A model needs a column of numbers, of dates, or of two texts such as yes and no.");
  std::string many = "a,y\n";
  for (int i = 0; i <= 1000; ++i) many += fmt::format("0,t{}\n", i);
  EXPECT_EQ(read_csv(many),
            "D/a.csv: the target, column 'y', holds more than 1000 different texts, too many for "
            "classes\nChoose another target, or none: --target none");
  put("a.csv", "a,b\n1,2\n");
  EXPECT_EQ(message_of([&] {
              read_data(folder / "a.csv", "auto", {.target = "b", .drop = {"b"}});
            }).substr(folder.string().size()),
            "/a.csv: column 'b' is both the target and dropped");
}

TEST_F(Messages, PicturesThatDoNotBelongTogether) {
  put_picture("p/a.png", 2);
  put_picture("p/b.png", 3);
  EXPECT_EQ(read("p"),
            "D/p: pictures of 2 sizes (height x width): 2 x 2 (1, the first a.png), 3 x 2 (1, the "
            "first b.png)\n"
            "To bring all to one size: --reader image-folder --reader.resize 2,2");
  put("p/b.png", "no picture");
  put("p/c.png", "\x89PNG\r\n\x1a\n");
  EXPECT_EQ(read("p"),
            "D/p: 2 of 3 pictures cannot be read:\n"
            "  b.png: of an unknown format by its first bytes, expected PNG or JPEG\n"
            "  c.png: damaged PNG at byte 8: the file ends early\n"
            "Get them again, convert them to PNG, or move them elsewhere; to go on without them: "
            "--reader image-folder "
            "--reader.skip_bad true");
  put_picture("q/a.png");
  put_picture("q/c/a.png");
  EXPECT_EQ(read("q"),
            "D/q: pictures stand both in the folder (a.png) and in the sub-folder c\n"
            "Put all of them into sub-folders, one for each class, or none.");
  EXPECT_EQ(read("q", "auto", "c"),
            "D/q: target 'c': pictures have no columns; their sub-folders are the labels");
}

TEST_F(Messages, ClassFoldersThatAreEmptyOrTooDeep) {
  put_picture("p/c/a.png");
  std::filesystem::create_directory(folder / "p/d");
  EXPECT_EQ(read("p"),
            "D/p/d: no pictures in this folder, expected some as in D/p/c\n"
            "Put pictures into it, or move it elsewhere.");
  put_picture("q/c/a.png");
  put_picture("q/c/e/a.png");
  EXPECT_EQ(read("q"),
            "D/q/c/e: a folder of pictures inside a class folder; classes are one level deep");
  std::filesystem::create_directory(folder / "r");
  EXPECT_EQ(read("r", "image-folder"),
            "D/r: no pictures in this folder or its sub-folders, expected .png or .jpg files");
  put_picture("s/train/c/a.png");
  put_picture("s/test/a.png");
  EXPECT_EQ(read("s"), "D/s/train/c: has class folders and D/s/test has none, or the reverse");
  Part part("image-folder");
  part.options["resize"] = 5;
  EXPECT_EQ(read("p", part),
            "reader 'image-folder': resize: expected [height, width], got 1 numbers");
}

}  // namespace
}  // namespace elbo
