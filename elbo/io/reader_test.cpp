// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/reader.h"

#include <chrono>
#include <cmath>
#include <cstdlib>

#include "elbo/io/gzip.h"
#include "elbo/io/idx.h"
#include "elbo/io/image.h"
#include "elbo/io/npy.h"
#include "elbo/io/readers.h"
#include "elbo/io/testing.h"

namespace elbo {
namespace {

Array labels_array(const std::vector<uint8_t>& values) {
  return make_array(DType::u8, {static_cast<int64_t>(values.size())}, values);
}

/// Every test finds the shipped data in its own folder.
class Readers : public FolderTest {
 protected:
  Readers() { ::setenv("ELBO_DATASETS", (folder / "datasets").c_str(), 1); }
  ~Readers() override { ::unsetenv("ELBO_DATASETS"); }

  void put_mnist(const Path& where) {
    put(where / "train-images-idx3-ubyte.gz", gzip(encode_idx(bytes_array({3, 2, 2}))));
    put(where / "train-labels-idx1-ubyte.gz", gzip(encode_idx(labels_array({7, 0, 7}))));
    put(where / "t10k-images-idx3-ubyte", encode_idx(bytes_array({2, 2, 2}, 100)));
    put(where / "t10k-labels-idx1-ubyte", encode_idx(labels_array({0, 3})));
  }
  Path put_picture(const Path& name, uint8_t start, int64_t channels = 1, int64_t height = 2) {
    return put(name, encode_png(bytes_array({height, 2, channels}, start)));
  }

  /// A valid input of each reader: the file or folder, and the file whose bytes decide.
  struct Sample {
    Path path, file;
  };
  Sample sample(const std::string& reader) {
    if (reader == "shipped") {
      put_mnist("datasets/mnist");
      return {"mnist", folder / "datasets/mnist/train-images-idx3-ubyte.gz"};
    }
    if (reader == "idx" || reader == "auto") {
      put_mnist("digits");
      return {folder / "digits", folder / "digits/t10k-images-idx3-ubyte"};
    }
    Path path;
    if (reader == "npy") path = put("a.npy", encode_npy(bytes_array({3, 2, 2})));
    if (reader == "npz") {
      path = put("a.npz", encode_npz({{"x", make_array<float>(DType::f32, {2, 2}, {1, 2, 3, 4})},
                                      {"y", labels_array({1, 0})}}));
    }
    if (reader == "csv") path = put("a.csv", "a,b,label\n1,2,x\n3,,y\n");
    if (reader == "image-folder") {
      path = put_picture("pictures/cat/1.png", 1);
      put_picture("pictures/dog/1.png", 2);
      return {folder / "pictures", path};
    }
    return {path, path};
  }
};

void check_set(const RawSet& set, const RawData& data) {
  ASSERT_GT(set.x.rows(), 0);
  EXPECT_EQ(set.x.data.size(), static_cast<size_t>(set.x.size()) * dtype_size(set.x.dtype));
  if (data.kind == "image") {
    EXPECT_TRUE(set.x.dtype == DType::u8 || set.x.dtype == DType::f32);
    EXPECT_LT(data.range.lo, data.range.hi);
    EXPECT_TRUE(set.x.shape.size() == 3 || (set.x.shape.size() == 4 && set.x.shape[3] == 3));
    EXPECT_TRUE(set.mask.empty());
  } else {
    EXPECT_EQ(data.kind, "table");
    EXPECT_EQ(set.x.dtype, DType::f32);
    EXPECT_EQ(set.x.shape.size(), 2u);
  }
  if (!set.mask.empty()) {
    EXPECT_EQ(set.mask.shape, set.x.shape);
    for (size_t i = 0; i < set.mask.data.size(); ++i) {
      EXPECT_LE(set.mask.as<uint8_t>()[i], 1);
      EXPECT_TRUE(set.mask.as<uint8_t>()[i] || set.x.as<float>()[i] == 0);
    }
  }
  EXPECT_EQ(set.y.empty(), data.target_name.empty());
  if (set.y.empty()) return;
  EXPECT_EQ(set.y.shape, std::vector<int64_t>{set.x.rows()});
  EXPECT_EQ(set.y.dtype, data.label_names.empty() ? DType::f32 : DType::i64);
  if (set.y.dtype != DType::i64) return;
  for (int64_t y : set.y.as<int64_t>()) {
    EXPECT_GE(y, 0);
    EXPECT_LT(y, static_cast<int64_t>(data.label_names.size()));
  }
}

// ---- The contract of every row of the table.

TEST_F(Readers, EveryReaderGivesWellFormedData) {
  for (const std::string& name : readers().names()) {
    SCOPED_TRACE(name);
    Sample in = sample(name);
    ASSERT_FALSE(in.path.empty()) << "a new reader needs a sample above";
    RawData data = read_data(in.path, Part(name));
    check_set(data.train, data);
    if (data.test) check_set(*data.test, data);
    EXPECT_FALSE(data.name.empty());
    EXPECT_EQ(data.format, name == "auto" ? "idx" : name);
    EXPECT_EQ(data.fingerprint.size(), 64u);
    bool named = data.kind == "table" && !data.column_names.empty();
    EXPECT_TRUE(!named || static_cast<int64_t>(data.column_names.size()) == data.train.x.shape[1]);
  }
}

TEST_F(Readers, AutoChoosesTheReaderOfEachSample) {
  for (const std::string& name : readers().names()) {
    if (name == "auto") continue;
    RawData chosen = read_data(sample(name).path), asked = read_data(sample(name).path, Part(name));
    EXPECT_EQ(chosen.format, name);
    EXPECT_EQ(chosen.fingerprint, asked.fingerprint);
    expect_equal(chosen.train.x, asked.train.x);
    expect_equal(chosen.train.y, asked.train.y);
  }
}

TEST_F(Readers, FingerprintFollowsTheBytes) {
  for (const std::string& name : readers().names()) {
    SCOPED_TRACE(name);
    Sample in = sample(name);
    std::string before = read_data(in.path, Part(name)).fingerprint;
    EXPECT_EQ(read_data(in.path, Part(name)).fingerprint, before);
    // Another valid file in its place: images of other pixels, a table with one digit changed.
    Bytes bytes = read_file(in.file);
    if (name == "image-folder") bytes = encode_png(bytes_array({2, 2, 1}, 77));
    if (name == "shipped") bytes = gzip(encode_idx(bytes_array({3, 2, 2}, 9)));
    if (name == "npz") bytes = encode_npz({{"x", bytes_array({2, 2}, 5)}});
    if (name == "csv") bytes[10] = std::byte{'5'};
    if (name == "idx" || name == "auto" || name == "npy") bytes.back() ^= std::byte{1};
    put(in.file, bytes);
    EXPECT_NE(read_data(in.path, Part(name)).fingerprint, before);
  }
}

TEST_F(Readers, DamagedFilesGiveErrorsAndNoCrash) {
  for (const std::string& name : readers().names()) {
    SCOPED_TRACE(name);
    Sample in = sample(name);
    Bytes whole = read_file(in.file);
    size_t refused = 0, step = std::max<size_t>(1, whole.size() / 50);
    for (size_t n = 0; n < whole.size(); n += step) {
      put(in.file, std::span(whole).first(n));
      try {
        read_data(in.path, Part(name));
      } catch (const Error& e) {
        EXPECT_EQ(e.code(), Code::data) << e.message();
        ++refused;
      }
    }
    EXPECT_GT(refused, 0u);
    put(in.file, "");
    std::string message = message_of([&] { read_data(in.path, Part(name)); });
    EXPECT_NE(message.find(in.file.filename().string() + ": the file is empty"), std::string::npos)
        << message;
  }
}

TEST_F(Readers, UnknownOptionsAreRefused) {
  for (const std::string& name : readers().names()) {
    Part part(name);
    part.options["colour"] = "red";
    std::string message = message_of([&] { read_data(sample(name).path, part); });
    EXPECT_TRUE(message.starts_with("reader '" + name + "': unknown option 'colour'")) << message;
  }
}

// ---- The real MNIST of the source tree.

TEST(Shipped, MnistIsWhole) {
  auto start = std::chrono::steady_clock::now();
  RawData data = read_data("mnist");
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  RecordProperty("seconds", std::to_string(seconds.count()));
  EXPECT_EQ(data.name, "mnist");
  EXPECT_EQ(data.train.x.shape, (std::vector<int64_t>{60000, 28, 28}));
  EXPECT_EQ(data.test->x.shape, (std::vector<int64_t>{10000, 28, 28}));
  EXPECT_EQ(data.label_names.size(), 10u);
  // Sum of all training pixels / 255 is known as the mean 0.1307 in many a program.
  double sum = 0;
  for (uint8_t v : data.train.x.as<uint8_t>()) sum += v;
  EXPECT_NEAR(sum / 255 / double(data.train.x.data.size()), 0.1307, 5e-5);
  EXPECT_EQ(data.train.y.as<int64_t>()[0], 5);
  EXPECT_EQ(data.test->y.as<int64_t>()[0], 7);
}

// ---- idx

TEST_F(Readers, IdxFindsLabelsAndTestSetByTheirNames) {
  put_mnist("digits");
  RawData data = read_data(folder / "digits");
  EXPECT_EQ(data.name, "digits");
  EXPECT_EQ(data.label_names, (std::vector<std::string>{"0", "3", "7"}));
  EXPECT_EQ(values<int64_t>(data.train.y), (std::vector<int64_t>{2, 0, 2}));
  EXPECT_EQ(values<int64_t>(data.test->y), (std::vector<int64_t>{0, 1}));
  RawData test = read_data(folder / "digits/t10k-images-idx3-ubyte");
  EXPECT_EQ(test.train.x.rows(), 2);
  EXPECT_FALSE(test.test);
  RawData bare = read_data(folder / "digits", "auto", {.target = "none"});
  EXPECT_TRUE(bare.train.y.empty());
}

TEST_F(Readers, IdxOfOtherTypesIsATable) {
  Path path = put("a.idx", encode_idx(make_array<int16_t>(DType::i16, {2, 2}, {1, -2, 300, 4})));
  RawData data = read_data(path);
  EXPECT_EQ(data.kind, "table");
  EXPECT_EQ(values<float>(data.train.x), (std::vector<float>{1, -2, 300, 4}));
}

// ---- npy and npz

TEST_F(Readers, ImagesOfEitherLayoutComeOutChannelsLast) {
  auto shape = [&](std::vector<int64_t> in) {
    return read_data(put("a.npy", encode_npy(bytes_array(std::move(in))))).train.x.shape;
  };
  using Shape = std::vector<int64_t>;
  EXPECT_EQ(shape({2, 5, 4}), (Shape{2, 5, 4}));
  EXPECT_EQ(shape({2, 5, 4, 1}), (Shape{2, 5, 4}));
  EXPECT_EQ(shape({2, 1, 5, 4}), (Shape{2, 5, 4}));
  EXPECT_EQ(shape({2, 5, 4, 3}), (Shape{2, 5, 4, 3}));
  EXPECT_EQ(shape({2, 3, 5, 4}), (Shape{2, 5, 4, 3}));
  EXPECT_EQ(shape({2, 5, 5, 4}), (Shape{2, 100}));
  Array planar = bytes_array({1, 3, 1, 2});
  EXPECT_EQ(values<uint8_t>(read_data(put("b.npy", encode_npy(planar))).train.x),
            (std::vector<uint8_t>{0, 2, 4, 1, 3, 5}));
}

TEST_F(Readers, HalfPrecisionIsRead) {
  std::vector<int> halves = {0x3C00, 0xC000, 0x0001, 0x7BFF, 0x3555, 0x8000};
  Array array = make_array(DType::f16, {3, 2});
  std::copy(halves.begin(), halves.end(), array.as<uint16_t>().begin());
  EXPECT_EQ(values<float>(read_data(put("a.npy", encode_npy(array))).train.x),
            (std::vector<float>{1, -2, 0x1p-24f, 65504, 0x1.554p-2f, 0}));
}

TEST_F(Readers, NpzNamesMakeTheParts) {
  Array x = bytes_array({4, 2}), y = labels_array({1, 0, 1, 0});
  Array x2 = bytes_array({2, 2}, 50), y2 = labels_array({2, 0});
  Path path = put("a.npz", encode_npz({{"x_train", x},
                                       {"y_train", y},
                                       {"x_test", x2},
                                       {"y_test", y2},
                                       {"other", bytes_array({9})}}));
  RawData data = read_data(path);
  EXPECT_EQ(values<float>(data.train.x), (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(data.label_names, (std::vector<std::string>{"0", "1", "2"}));
  EXPECT_EQ(values<int64_t>(data.test->y), (std::vector<int64_t>{2, 0}));
  EXPECT_EQ(data.target_name, "y_train");
  Path odd = put("b.npz", encode_npz({{"spikes", x}, {"cell", y}}));
  EXPECT_EQ(read_data(odd).train.x.rows(), 4);
  EXPECT_TRUE(read_data(odd).train.y.empty());
  EXPECT_EQ(read_data(odd, "npz", {.target = "cell"}).label_names.size(), 2u);
}

TEST_F(Readers, FloatLabelsAreTargets) {
  Array y = make_array(DType::f64, {2, 1});
  y.as<double>()[1] = 2.5;
  RawData data = read_data(put("a.npz", encode_npz({{"x", bytes_array({2, 2})}, {"y", y}})));
  EXPECT_TRUE(data.label_names.empty());
  EXPECT_EQ(values<float>(data.train.y), (std::vector<float>{0, 2.5f}));
}

TEST_F(Readers, NanIsRefusedOrMasked) {
  float nan = std::numeric_limits<float>::quiet_NaN();
  Path path = put("a.npy", encode_npy(make_array<float>(DType::f32, {2, 2}, {1, 2, 3, nan})));
  EXPECT_EQ(message_of([&] { read_data(path); }),
            path.string() +
                ": NaN at row 1, column 1 (from 0), expected a finite number\n"
                "If NaN marks missing cells: --reader npy --reader.missing nan (for .npz: --reader "
                "npz)");
  Part masking("npy");
  masking.options["missing"] = "nan";
  RawData data = read_data(path, masking);
  EXPECT_EQ(values<uint8_t>(data.train.mask), (std::vector<uint8_t>{1, 1, 1, 0}));
  EXPECT_EQ(values<float>(data.train.x), (std::vector<float>{1, 2, 3, 0}));
}

TEST_F(Readers, NumbersThatF32WouldMergeStayApart) {
  Array times = make_array(DType::i64, {300, 2});
  for (size_t i = 0; i < 600; ++i) times.as<int64_t>()[i] = i % 2 ? 7 : 1714521600 + int64_t(i / 2);
  Array x = read_data(put("a.npy", encode_npy(times))).train.x;
  ASSERT_EQ(x.dtype, DType::f64);
  for (size_t i = 0; i < 600; ++i) EXPECT_EQ(x.as<double>()[i], double(times.as<int64_t>()[i]));
  for (double tiny : {1e-20, 1e-300}) {
    Path path = put("b.npy", encode_npy(make_array<double>(DType::f64, {2, 1}, {tiny, 2 * tiny})));
    Array y = read_data(path).train.x;
    EXPECT_EQ(y.dtype, tiny < 1e-40 ? DType::f64 : DType::f32);
  }
  Array plain = make_array<double>(DType::f64, {2, 1}, {0.1, 5});
  EXPECT_EQ(read_data(put("c.npy", encode_npy(plain))).train.x.dtype, DType::f32);
}

TEST_F(Readers, InfinityIsAlwaysRefused) {
  Part masking("npy");
  masking.options["missing"] = "nan";
  for (double bad : {double(INFINITY), -double(INFINITY)}) {
    Path path = put("a.npy", encode_npy(make_array<double>(DType::f64, {1, 2}, {1, bad})));
    std::string message = message_of([&] { read_data(path, masking); });
    EXPECT_NE(message.find("inf at row 0, column 1"), std::string::npos) << message;
  }
}

// ---- csv

TEST_F(Readers, CsvTargetIsFoundByItsNameAndMadeClasses) {
  Path path = put("a.csv", "a,Class,b\n1,dog,2\n3,cat,4\n5,dog,6\n");
  RawData data = read_data(path);
  EXPECT_EQ(data.column_names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(data.target_name, "Class");
  EXPECT_EQ(data.label_names, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(values<int64_t>(data.train.y), (std::vector<int64_t>{1, 0, 1}));
  EXPECT_EQ(values<float>(data.train.x), (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

TEST_F(Readers, CsvClassesOfWholeNumbersAreInTheirOrder) {
  RawData data = read_data(put("a.csv", "a,y\n1,10\n3,9\n5,-1\n"));
  EXPECT_EQ(data.label_names, (std::vector<std::string>{"-1", "9", "10"}));
  RawData fractions = read_data(put("b.csv", "a,y\n1,10\n3,9.5\n"));
  EXPECT_EQ(values<float>(fractions.train.y), (std::vector<float>{10, 9.5}));
  std::string many = "a,y\n";
  for (int i = 0; i <= 1000; ++i) many += fmt::format("0,{}\n", i);
  EXPECT_EQ(read_data(put("c.csv", many)).train.y.dtype, DType::f32);
}

TEST_F(Readers, CsvWithoutHeaderCountsColumnsFromOne) {
  RawData data =
      read_data(put("a.csv.gz", gzip(as_bytes("1,2,3\n4,5,6\n"))), "csv", {.target = "3"});
  EXPECT_EQ(data.name, "a");
  EXPECT_EQ(data.target_name, "column 3");
  EXPECT_EQ(data.column_names, (std::vector<std::string>{"column 1", "column 2"}));
  EXPECT_EQ(values<float>(data.train.x), (std::vector<float>{1, 2, 4, 5}));
}

TEST_F(Readers, CsvMissingTokensAreMaskedAndMayBeChosen) {
  Path path = put("a.csv", "a,b\n1,NA\n?,-9\n");
  RawData data = read_data(path);
  EXPECT_EQ(values<uint8_t>(data.train.mask), (std::vector<uint8_t>{1, 0, 0, 1}));
  EXPECT_EQ(values<float>(data.train.x), (std::vector<float>{1, 0, 0, -9}));
  Part part("csv");
  part.options["missing"] = Value::list(std::vector<std::string>{"-9.0"});
  EXPECT_EQ(read_data(path, part).column_names, std::vector<std::string>{"a"});
}

TEST_F(Readers, CsvDropLeavesColumnsOut) {
  Path path = put("a.tsv", "id\ta\tb\nx\t1\t2\ny\t3\t4\n");
  RawData data = read_data(path, "auto", {.drop = {"id", "b"}});
  EXPECT_EQ(data.column_names, std::vector<std::string>{"a"});
  EXPECT_EQ(values<float>(data.train.x), (std::vector<float>{1, 3}));
}

// ---- pictures

TEST_F(Readers, SubFoldersAreClassesAndTrainAndTestAreSets) {
  put_picture("p/train/b/1.png", 1);
  put_picture("p/train/a/1.png", 2);
  put_picture("p/train/a/.hidden.png", 3);
  put("p/train/a/notes.txt", "not a picture");
  put_picture("p/test/b/1.png", 4);
  RawData data = read_data(folder / "p");
  EXPECT_EQ(data.label_names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(data.train.x.shape, (std::vector<int64_t>{2, 2, 2}));
  EXPECT_EQ(values<uint8_t>(data.train.x), (std::vector<uint8_t>{2, 3, 4, 5, 1, 2, 3, 4}));
  EXPECT_EQ(values<int64_t>(data.train.y), (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(values<int64_t>(data.test->y), (std::vector<int64_t>{1}));
}

TEST_F(Readers, OneColouredPictureMakesAllColoured) {
  put_picture("p/1.png", 1);
  put("p/2.png", encode_png(make_array(DType::u8, {2, 2, 3}, std::vector<uint8_t>(12, 7))));
  EXPECT_EQ(read_data(folder / "p").train.x.shape, (std::vector<int64_t>{2, 2, 2}));
  put_picture("p/3.png", 10, 3);
  RawData data = read_data(folder / "p");
  EXPECT_EQ(data.train.x.shape, (std::vector<int64_t>{3, 2, 2, 3}));
  std::vector<uint8_t> first = {1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4},
                       all = values<uint8_t>(data.train.x);
  EXPECT_EQ(std::vector<uint8_t>(all.begin(), all.begin() + 12), first);
}

TEST_F(Readers, OnePictureIsADataSetAndContentDecidesItsFormat) {
  Path jpeg = Path(ELBO_SOURCE_DIR) / "tests/fuzz/jpeg/halves.jpg";
  Path path = put("face.png", read_file(jpeg));
  RawData data = read_data(path);
  EXPECT_EQ(data.name, "face");
  EXPECT_EQ(data.train.x.shape, (std::vector<int64_t>{1, 8, 16}));
}

TEST_F(Readers, ResizeBringsPicturesToOneSize) {
  put_picture("p/1.png", 1);
  put_picture("p/2.png", 1, 1, 6);
  Part part("image-folder");
  part.options["resize"] = Value::list(std::vector<int64_t>{4, 3});
  EXPECT_EQ(read_data(folder / "p", part).train.x.shape, (std::vector<int64_t>{2, 4, 3}));
}

TEST_F(Readers, InksAreMadeColours) {
  Path seeds = Path(ELBO_SOURCE_DIR) / "tests/fuzz/jpeg";
  for (const char* name : {"inks.jpg", "ycck.jpg"}) {  // red and white
    put("p/1.jpg", read_file(seeds / name));
    RawData data = read_data(folder / "p");
    auto pixels = data.train.x.as<uint8_t>();
    ASSERT_EQ(data.train.x.shape, (std::vector<int64_t>{1, 8, 16, 3}));
    EXPECT_GT(pixels[0], 245) << name;
    EXPECT_LT(pixels[1], 10) << name;
    EXPECT_LT(pixels[2], 10) << name;
    for (size_t c = 0; c < 3; ++c) EXPECT_GT(pixels[45 + c], 245) << name;
    EXPECT_EQ(data.notes[0],
              "1 picture in inks (CMYK) made red, green and blue, without a colour profile");
  }
}

}  // namespace
}  // namespace elbo
