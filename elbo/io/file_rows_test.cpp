// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/file_rows.h"

#include <cmath>
#include <cstring>

#include "elbo/core/rng.h"
#include "elbo/io/gzip.h"
#include "elbo/io/idx.h"
#include "elbo/io/npy.h"
#include "elbo/io/readers.h"
#include "elbo/io/testing.h"

namespace elbo {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

class FileRowsTest : public FolderTest {
 protected:
  FileRowsTest() { ::setenv("TMPDIR", folder.c_str(), 1); }
  ~FileRowsTest() override { ::unsetenv("TMPDIR"); }

  Path put_array(const Path& name, const Array& array) { return put(name, encode_npy(array)); }
};

Array random_array(DType dtype, std::vector<int64_t> shape, uint64_t seed) {
  Array out = make_array(dtype, std::move(shape));
  Rng rng(seed, "array");
  for (std::byte& b : out.data) b = static_cast<std::byte>(rng.below(64));  // finite, also as f32
  return out;
}

ReadRequest on_disk(std::string target = "") {
  ReadRequest out{.target = std::move(target)};
  out.in_memory = 0;
  return out;
}

/// The rows of an array, in the order asked for.
Array pick(const Array& array, std::span<const int64_t> rows) {
  std::vector<int64_t> shape = array.shape;
  shape[0] = static_cast<int64_t>(rows.size());
  Array out = make_array(array.dtype, shape);
  size_t row_bytes = array.data.size() / static_cast<size_t>(array.rows());
  for (size_t i = 0; i < rows.size(); ++i) {
    std::memcpy(out.data.data() + i * row_bytes,
                array.data.data() + static_cast<size_t>(rows[i]) * row_bytes, row_bytes);
  }
  return out;
}

void expect_same_rows(const RawSet& memory, const RawSet& disk) {
  ASSERT_TRUE(disk.on_disk && disk.x.empty() && disk.mask.empty());
  ASSERT_FALSE(memory.on_disk);
  EXPECT_EQ(disk.x.dtype, memory.x.dtype);
  EXPECT_EQ(disk.x.shape, memory.x.shape);
  expect_equal(disk.y, memory.y);
  const int64_t n = memory.x.rows();
  Rng rng(7, "rows");
  std::vector<std::vector<int64_t>> choices = {{0}, {n - 1, 0, n - 1}, rng.permutation(n)};
  for (const auto& rows : choices) {
    RawSet set = disk.on_disk->read(rows);
    expect_equal(set.x, pick(memory.x, rows));
    ASSERT_EQ(set.mask.empty(), memory.mask.empty());
    if (!memory.mask.empty()) expect_equal(set.mask, pick(memory.mask, rows));
  }
}

/// What is left on disk is what would be in memory.
void expect_same(const Path& path, ReadRequest request = {}, const Part& reader = "auto") {
  SCOPED_TRACE(path.filename().string());
  RawData memory = read_data(path, reader, request);
  request.in_memory = 0;
  RawData disk = read_data(path, reader, request);
  EXPECT_EQ(disk.kind, memory.kind);
  EXPECT_EQ(disk.name, memory.name);
  EXPECT_EQ(disk.notes, memory.notes);
  EXPECT_EQ(disk.column_names, memory.column_names);
  EXPECT_EQ(disk.train.ids, memory.train.ids);
  EXPECT_EQ(disk.label_names, memory.label_names);
  EXPECT_EQ(disk.target_name, memory.target_name);
  EXPECT_EQ(disk.fingerprint, memory.fingerprint);
  expect_same_rows(memory.train, disk.train);
  ASSERT_EQ(disk.test.has_value(), memory.test.has_value());
  if (memory.test) expect_same_rows(*memory.test, *disk.test);
}

// ---- What is left on disk is what would be in memory, in any order of rows.

TEST_F(FileRowsTest, NpyOfAnyTypeAndShape) {
  for (DType dtype : {DType::boolean, DType::u8, DType::i8, DType::u16, DType::i16, DType::i32,
                      DType::i64, DType::f16, DType::f32, DType::f64}) {
    expect_same(
        put_array(fmt::format("{}.npy", dtype_name(dtype)), random_array(dtype, {50, 7}, 1)));
  }
  expect_same(put_array("vector.npy", random_array(DType::f32, {9}, 2)));
  expect_same(put_array("cube.npy", random_array(DType::f32, {9, 4, 5}, 3)));
  expect_same(put_array("grey.npy", random_array(DType::u8, {9, 4, 5}, 4)));
  expect_same(put_array("last.npy", random_array(DType::u8, {9, 4, 5, 3}, 5)));
  expect_same(put_array("first.npy", random_array(DType::u8, {9, 3, 4, 5}, 6)));
  expect_same(put_array("one.npy", random_array(DType::u8, {9, 1, 4, 5}, 7)));
  Array times = make_array(DType::i64, {60, 2});
  for (size_t i = 0; i < 120; ++i) times.as<int64_t>()[i] = 1714521600 + int64_t(i * i);
  expect_same(put_array("times.npy", times));
  Bytes swapped = encode_npy(random_array(DType::i16, {9, 3}, 8));
  auto order = std::find(swapped.begin(), swapped.end(), std::byte{'<'});
  *order = std::byte{'>'};
  expect_same(put("swapped.npy", swapped));
}

TEST_F(FileRowsTest, NpyWithLabelsAndMissingCells) {
  put_array("y.npy", make_array<int32_t>(DType::i32, {4}, {5, 3, 5, 9}));
  Path path =
      put_array("x.npy", make_array<float>(DType::f32, {4, 2}, {1, 2, kNan, 3, 4, 5, kNan, kNan}));
  Part reader("npy");
  reader.options["missing"] = "nan";
  expect_same(path, {.target = "y.npy"}, reader);
  expect_same(put_array("full.npy", random_array(DType::f32, {4, 2}, 1)), {}, reader);
}

TEST_F(FileRowsTest, IdxWithItsLabelsAndTestSet) {
  put("d/train-images-idx3-ubyte", encode_idx(random_array(DType::u8, {6, 2, 3}, 1)));
  put("d/train-labels-idx1-ubyte", encode_idx(random_array(DType::u8, {6}, 2)));
  put("d/t10k-images-idx3-ubyte", encode_idx(random_array(DType::u8, {5, 2, 3}, 3)));
  put("d/t10k-labels-idx1-ubyte", encode_idx(random_array(DType::u8, {5}, 4)));
  expect_same(folder / "d");
  expect_same(put("floats.idx", encode_idx(random_array(DType::f32, {6, 2}, 5))));
}

TEST_F(FileRowsTest, CsvWithLabelsMissingCellsAndColumnsInAnotherOrder) {
  expect_same(put("plain.csv", "1,2\n3,4\n5,6\n"));
  std::string text = "a,b,c,label\n1,,3,x\n\"4\",5,NA,y\n7,8,9,x\n10,11,12,z\n";
  expect_same(put("labels.csv", text));
  expect_same(put("labels.csv.gz", gzip(as_bytes(text))));
  ReadRequest ordered{.target = "label"};
  ordered.columns = {"c", "a", "b"};
  expect_same(put("ordered.csv", text), ordered);
  expect_same(put("numbers.csv", "a,y\n1,7\n2,5\n3,7\n"));
  expect_same(put("targets.csv", "a;y\n1;7.5\n2;5\n3;7\n"));
  expect_same(put("dropped.csv", text), {.drop = {"b"}});
  expect_same(put("wide.csv", "t,a\n1714521600,1\n1714521601,2\n1714521607,1\n"));
  expect_same(put("pixels.csv", "1,2,3,4\n5,6,7,8\n9,0,0,255\n"), {.image = {2, 2}});
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 9) << "files left";
}

TEST_F(FileRowsTest, FaultsHaveTheSameWords) {
  Array far = random_array(DType::f32, {1500000, 1}, 1);  // beyond the block read at once
  far.as<float>()[1400000] = kNan;
  put_array("far.npy", far);
  put_array("inf.npy", make_array<float>(DType::f32, {1, 2}, {0, -INFINITY}));
  Bytes whole = encode_npy(bytes_array({5, 5}));
  put("short.npy", std::span(whole).first(140));
  put("text.csv", "a,b\n1,2\n3,x\n");
  put("ragged.csv", "a,b\n1,2\n3\n");
  for (const char* name : {"far.npy", "inf.npy", "short.npy", "text.csv", "ragged.csv"}) {
    std::string message = message_of([&] { read_data(folder / name); });
    EXPECT_NE(message, "no error") << name;
    EXPECT_EQ(message_of([&] { read_data(folder / name, "auto", on_disk()); }), message);
  }
  EXPECT_NE(message_of([&] {
              read_data(folder / "far.npy", "auto", on_disk());
            }).find("NaN at row 1400000, column 0"),
            std::string::npos);
}

// ---- What stays on disk, and what may happen to it there.

TEST_F(FileRowsTest, StayOnDiskAboveTheBytesOfXInMemory) {
  Path npy = put_array("x.npy", random_array(DType::u8, {10, 3}, 1));  // f32 in memory
  Path csv = put("x.csv", "1,2,3\n4,5,6\n7,8,9\n1,2,3\n4,5,6\n7,8,9\n1,2,3\n4,5,6\n7,8,9\n1,2,3\n");
  for (const Path& path : {npy, csv}) {
    ReadRequest request;
    request.in_memory = 120;
    EXPECT_FALSE(read_data(path, "auto", request).train.on_disk) << path;
    request.in_memory = 119;
    EXPECT_TRUE(read_data(path, "auto", request).train.on_disk) << path;
  }
}

TEST_F(FileRowsTest, ReadIntoMemoryWhatCannotBeFetched) {
  Array array = random_array(DType::f32, {10, 3}, 1);
  put("a.npy.gz", gzip(encode_npy(array)));
  Bytes fortran = encode_npy(array);
  std::string text(as_text(fortran));
  text.replace(text.find("False"), 5, "True ");
  put("b.npy", text);
  for (const char* name : {"a.npy.gz", "b.npy"}) {
    EXPECT_FALSE(read_data(folder / name, "auto", on_disk()).train.on_disk) << name;
  }
}

TEST_F(FileRowsTest, AFileCutShortAfterwardsIsAnError) {
  Path path = put_array("x.npy", random_array(DType::f32, {100, 3}, 1));
  RawSet set = read_data(path, "auto", on_disk()).train;
  std::filesystem::resize_file(path, 128 + 50 * 12);
  std::vector<int64_t> kept = {49, 3}, lost = {3, 50};
  EXPECT_EQ(set.on_disk->read(kept).x.rows(), 2);
  try {
    set.on_disk->read(lost);
    ADD_FAILURE() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::data);
    EXPECT_EQ(e.message(), path.string() +
                               ": ends at byte 728, 1328 were there when it was opened\nThe file "
                               "was cut short while it was in use; restore it and start again.");
  }
}

TEST_F(FileRowsTest, ValuesThatTurnedBadAfterwardsAreAnErrorWithTheirRow) {
  Array array = random_array(DType::f32, {100, 3}, 1);
  Path path = put_array("x.npy", array);
  RawSet set = read_data(path, "auto", on_disk()).train;
  array.as<float>()[60 * 3 + 1] = kNan;
  put_array("x.npy", array);
  std::vector<int64_t> rows = {3, 60};
  EXPECT_EQ(message_of([&] { set.on_disk->read(rows); }).substr(path.string().size(), 28),
            ": NaN at row 60, column 1 (f");
}

}  // namespace
}  // namespace elbo
