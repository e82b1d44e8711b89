// SPDX-License-Identifier: Apache-2.0
// Arrays as people save them: npy, npz and IDX files of all kinds.
#include <cmath>

#include "elbo/io/file_rows.h"
#include "elbo/io/idx.h"
#include "elbo/io/npy.h"
#include "elbo/io/reader.h"
#include "elbo/io/testing.h"
#include "elbo/io/zip.h"

namespace elbo {
namespace {

using Shape = std::vector<int64_t>;
using Texts = std::vector<std::string>;

/// An .npy file whose header says what no Array can.
Bytes npy_of(std::string_view descr, std::string_view shape, std::string_view data) {
  std::string header =
      fmt::format("{{'descr': {}, 'fortran_order': False, 'shape': {}, }}", descr, shape);
  std::string text = "\x93NUMPY";
  text +=
      {'\1', '\0', static_cast<char>(header.size() & 0xFF), static_cast<char>(header.size() >> 8)};
  text += header;
  text += data;
  return {as_bytes(text).begin(), as_bytes(text).end()};
}

class Arrays : public FolderTest {
 protected:
  RawData read(const Array& array, const ReadRequest& request = {}) {
    return read_data(put("a.npy", encode_npy(array)), "auto", request);
  }
  RawData read_zip(const std::vector<std::pair<std::string, Bytes>>& arrays,
                   const ReadRequest& request = {}) {
    std::vector<std::pair<std::string, Bytes>> files;
    for (const auto& [name, bytes] : arrays) files.emplace_back(name + ".npy", bytes);
    return read_data(put("a.npz", encode_zip(files)), "auto", request);
  }
};

template <class T>
Array rising(DType dtype, Shape shape, double step) {
  Array out = make_array(dtype, std::move(shape));
  double v = 0;
  for (T& element : out.as<T>()) element = static_cast<T>(v += step);
  return out;
}

// ---- images of all types

TEST_F(Arrays, ImagesOfAnyTypeKeepTheirValuesAndLearnTheirRange) {
  RawData u16 = read(rising<uint16_t>(DType::u16, {4, 8, 8}, 16));
  EXPECT_EQ(u16.kind, "image");
  EXPECT_EQ(u16.train.x.dtype, DType::f32);
  EXPECT_EQ(u16.train.x.shape, (Shape{4, 8, 8}));
  EXPECT_EQ(u16.train.x.as<float>()[255], 4096);
  EXPECT_EQ(u16.range, (ValueRange{0, 8191}));
  EXPECT_EQ(u16.notes, (Texts{"u16 [4, 8, 8] is read as images; if they are none: --image none",
                              "pixels from 16 to 4096: 0 is taken for black and 8191 for white"}));
  RawData unit = read(rising<float>(DType::f32, {2, 3, 8, 9}, 1.0 / 432));
  EXPECT_EQ(unit.train.x.shape, (Shape{2, 8, 9, 3}));
  EXPECT_EQ(unit.range, (ValueRange{0, 1}));
  EXPECT_FLOAT_EQ(unit.train.x.as<float>()[1], 73.0f / 432) << "the second channel's first pixel";
  RawData wide = read(rising<double>(DType::f64, {2, 9, 8, 1}, 2.5));
  EXPECT_EQ(wide.train.x.shape, (Shape{2, 9, 8}));
  EXPECT_EQ(wide.range, (ValueRange{0, 360}));
  Array bits = make_array(DType::boolean, {2, 8, 8});
  bits.as<uint8_t>()[3] = 1;
  RawData binary = read(bits);
  EXPECT_EQ(binary.train.x.dtype, DType::u8);
  EXPECT_EQ(binary.range, (ValueRange{0, 1}));
  RawData small = read(bytes_array({2, 3, 3}));
  EXPECT_EQ(small.range, (ValueRange{0, 31}));
  EXPECT_EQ(small.train.x.dtype, DType::u8);
  RawData negative = read(rising<int16_t>(DType::i16, {2, 8, 8}, -3));
  EXPECT_EQ(negative.range, (ValueRange{-512, 0}));
  Array half = make_array(DType::f16, {1, 8, 8});
  half.as<uint16_t>()[5] = 0x3A00;  // 0.75
  RawData halves = read(half);
  EXPECT_EQ(halves.kind, "image");
  EXPECT_EQ(halves.train.x.as<float>()[5], 0.75f);
  EXPECT_EQ(halves.range, (ValueRange{0, 1}));
}

TEST_F(Arrays, ImageSaysWhatAnArrayIs) {
  ReadRequest request;
  request.image = {4, 16};
  RawData strip = read(rising<float>(DType::f32, {3, 4, 16}, 0.5), request);
  EXPECT_EQ(strip.train.x.shape, (Shape{3, 4, 16}));
  EXPECT_EQ(strip.kind, "image");
  EXPECT_EQ(strip.notes.size(), 1u) << "the range alone: what it is was said";
  RawData columns = read(rising<float>(DType::f32, {3, 4, 16}, 0.5));
  EXPECT_EQ(columns.kind, "table");
  EXPECT_EQ(columns.notes[0],
            "f32 [3, 4, 16] is read as 64 columns; if they are images: --image 4x16");
  RawData square = read(bytes_array({4, 64}));
  EXPECT_EQ(square.notes, Texts{"64 columns of values from 0 to 255: if they are the pixels of 8x8 "
                                "pictures: --image 8x8"});
  request.image = {8, 8};
  square = read(bytes_array({4, 64}), request);
  EXPECT_EQ(square.train.x.dtype, DType::u8);
  EXPECT_EQ(square.train.x.shape, (Shape{4, 8, 8}));
  ReadRequest none;
  none.as_table = true;
  EXPECT_EQ(read(bytes_array({4, 8, 8}), none).train.x.shape, (Shape{4, 64}));
}

TEST_F(Arrays, ImagesThatStayOnDiskAreWhatTheyAreInMemory) {
  Array array = rising<uint16_t>(DType::u16, {40, 3, 8, 8}, 7);
  ReadRequest on_disk;
  on_disk.in_memory = 0;
  RawData there = read(array, on_disk), here = read(array);
  ASSERT_TRUE(there.train.on_disk);
  EXPECT_EQ(there.range, here.range);
  std::vector<int64_t> rows = {39, 0, 7};
  RawSet some = there.train.on_disk->read(rows);
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t i = 0; i < 192; ++i) {
      EXPECT_EQ(some.x.as<float>()[r * 192 + i],
                here.train.x.as<float>()[static_cast<size_t>(rows[r]) * 192 + i]);
    }
  }
  on_disk.image = {16, 12};
  RawData shaped = read(bytes_array({40, 192}), on_disk);
  EXPECT_EQ(shaped.train.on_disk->read(rows).x.shape, (Shape{3, 16, 12}));
}

TEST_F(Arrays, MissingPixelsAreMasked) {
  Array array = rising<float>(DType::f32, {2, 8, 8}, 0.25);
  array.as<float>()[70] = NAN;
  EXPECT_NE(message_of([&] { read(array); }).find("NaN at [1, 0, 6] (from 0)"), std::string::npos);
  Part masking("npy");
  masking.options["missing"] = "nan";
  RawData data = read_data(put("a.npy", encode_npy(array)), masking);
  EXPECT_EQ(data.train.mask.shape, (Shape{2, 8, 8}));
  EXPECT_EQ(data.train.mask.as<uint8_t>()[70], 0);
  EXPECT_EQ(data.range, (ValueRange{0, 32}));
}

TEST_F(Arrays, IdxOfAnyTypeIsImagesToo) {
  Path path = put("a.idx", encode_idx(rising<int16_t>(DType::i16, {2, 8, 8}, 5)));
  RawData data = read_data(path);
  EXPECT_EQ(data.kind, "image");
  EXPECT_EQ(data.range, (ValueRange{0, 1023}));
  path = put("b.idx", encode_idx(rising<double>(DType::f64, {2, 10, 8, 3}, 0.002)));
  data = read_data(path);
  EXPECT_EQ(data.train.x.shape, (Shape{2, 10, 8, 3}));
  EXPECT_EQ(data.range, (ValueRange{0, 1}));
}

// ---- texts and records

TEST_F(Arrays, TextLabelsAreClasses) {
  Bytes x = encode_npy(rising<float>(DType::f32, {3, 2}, 1));
  Bytes wide = npy_of("'<U1'", "(3,)", std::string("b\0\0\0a\0\0\0b\0\0\0", 12));
  RawData data = read_zip({{"x", x}, {"y", wide}});
  EXPECT_EQ(data.label_names, (Texts{"a", "b"}));
  EXPECT_EQ(values<int64_t>(data.train.y), (std::vector<int64_t>{1, 0, 1}));
  Bytes narrow = npy_of("'|S2'", "(3, 1)", std::string("10\0009\0003\0", 6).substr(0, 6));
  narrow = npy_of("'|S2'", "(3, 1)",
                  std::string_view("109\0"
                                   "3\0",
                                   6));
  data = read_zip({{"x", x}, {"y", narrow}});
  EXPECT_EQ(data.label_names, (Texts{"3", "9", "10"}));
  data =
      read_zip({{"x", x}, {"y", wide}, {"x_test", x}, {"y_test", npy_of("'|S1'", "(3,)", "cab")}});
  EXPECT_EQ(data.label_names, (Texts{"a", "b", "c"}));
  EXPECT_EQ(values<int64_t>(data.test->y), (std::vector<int64_t>{2, 0, 1}));
  put("kinds.npy", wide);
  data = read(rising<float>(DType::f32, {3, 2}, 1), {.target = "kinds.npy"});
  EXPECT_EQ(data.label_names, (Texts{"a", "b"}));
  EXPECT_EQ(data.target_name, "kinds");
  ReadRequest model;
  model.labels = {"z", "b", "a"};
  data = read_zip({{"x", x}, {"y", wide}}, model);
  EXPECT_EQ(values<int64_t>(data.train.y), (std::vector<int64_t>{1, 2, 1}));
  EXPECT_EQ(message_of([&] {
              read_zip({{"x", x}, {"y", npy_of("'|S1'", "(2,)", "ab")}});
            }),
            (folder / "a.npz").string() +
                ": array 'y': labels of shape [2] for 3 examples, expected [3]");
}

TEST_F(Arrays, RecordsAreTables) {
  std::string data;
  for (double age : {34.5, 1e-20}) {
    float height = 182.25f;
    data.append(reinterpret_cast<const char*>(&age), 8);
    data.append(reinterpret_cast<const char*>(&height), 4);
  }
  Path path = put("r.npy", npy_of("[('age', '<f8'), ('height', '<f4')]", "(2,)", data));
  RawData table = read_data(path);
  EXPECT_EQ(table.format, "npy");
  EXPECT_EQ(table.column_names, (Texts{"age", "height"}));
  EXPECT_EQ(table.train.x.shape, (Shape{2, 2}));
  EXPECT_EQ(table.name, "r");
  EXPECT_EQ(table.fingerprint.size(), 64u);
  ASSERT_FALSE(table.notes.empty());
  EXPECT_EQ(table.notes[0], "records are read as a table: each field is a column");
  RawData zipped = read_zip({{"people", read_file(path)}});
  EXPECT_EQ(zipped.format, "npz");
  EXPECT_EQ(zipped.column_names, (Texts{"age", "height"}));
  RawData packed = read_data(put("r.npy.gz", gzip(read_file(path))));
  EXPECT_EQ(packed.column_names, (Texts{"age", "height"}));
  Path labelled = put(
      "l.npy", npy_of("[('a', '|u1'), ('b', '|u1'), ('class', '|S1')]", "(3,)", "\1\5x\2\6y\3\7x"));
  RawData classes = read_data(labelled);
  EXPECT_EQ(classes.target_name, "class");
  EXPECT_EQ(classes.label_names, (Texts{"x", "y"}));
}

// ---- sparse matrices

Bytes i32(const std::vector<int32_t>& v) {
  return encode_npy(make_array(DType::i32, {static_cast<int64_t>(v.size())}, v));
}
Bytes f32(const std::vector<float>& v, Shape shape = {}) {
  if (shape.empty()) shape = {static_cast<int64_t>(v.size())};
  return encode_npy(make_array(DType::f32, shape, v));
}
Bytes size_of(int64_t rows, int64_t columns) {
  return encode_npy(make_array<int64_t>(DType::i64, {2}, {rows, columns}));
}
Bytes format(std::string_view name) { return npy_of("'|S3'", "()", name); }

/// [[0, 2, 0, 0], [1, 0, 0, 4], [0, 0, 0, 0]], and 3 and 1 in one place.
const std::vector<float> kDense = {0, 2, 0, 0, 1, 0, 0, 4, 0, 0, 0, 0};

TEST_F(Arrays, SparseMatricesOfAllFormatsAreReadWithTheirZeros) {
  auto values_of = [&](const std::vector<std::pair<std::string, Bytes>>& parts) {
    RawData data = read_zip(parts);
    EXPECT_EQ(data.train.x.shape, (Shape{3, 4}));
    EXPECT_EQ(data.kind, "table");
    return values<float>(data.train.x);
  };
  Bytes size = size_of(3, 4);
  EXPECT_EQ(values_of({{"indices", i32({1, 0, 3, 3})},
                       {"indptr", i32({0, 1, 4, 4})},
                       {"format", format("csr")},
                       {"shape", size},
                       {"data", f32({2, 1, 3, 1})}}),
            kDense);
  EXPECT_EQ(values_of({{"indices", i32({1, 0, 1})},
                       {"indptr", i32({0, 1, 2, 2, 3})},
                       {"format", format("csc")},
                       {"shape", size},
                       {"data", f32({1, 2, 4})}}),
            kDense);
  EXPECT_EQ(values_of({{"row", i32({1, 0, 1, 1})},
                       {"col", i32({3, 1, 0, 3})},
                       {"format", format("coo")},
                       {"shape", size},
                       {"data", f32({3, 2, 1, 1})}}),
            kDense);
  EXPECT_EQ(values_of({{"coords",
                        encode_npy(make_array<int32_t>(DType::i32, {2, 3}, {1, 0, 1, 3, 1, 0}))},
                       {"format", format("coo")},
                       {"shape", size},
                       {"data", f32({4, 2, 1})}}),
            kDense);
  EXPECT_EQ(values_of({{"indices", i32({0, 0, 1})},
                       {"indptr", i32({0, 1, 3, 3})},
                       {"format", format("bsr")},
                       {"shape", size},
                       {"data", f32({0, 2, 1, 0, 0, 4}, {3, 1, 2})}}),
            kDense);
  EXPECT_EQ(
      values_of({{"offsets", i32({1, -1, 2})},
                 {"format", npy_of("'<U3'", "()", std::string_view("d\0\0\0i\0\0\0a\0\0\0", 12))},
                 {"shape", size},
                 {"data", f32({9, 2, 0, 0, 1, 0, 9, 9, 9, 9, 0, 4}, {3, 4})}}),
      kDense);
  put("y.npy", npy_of("'|S1'", "(3,)", "aba"));
  RawData data = read_zip({{"row", i32({1})},
                           {"col", i32({3})},
                           {"format", format("coo")},
                           {"shape", size},
                           {"data", encode_npy(make_array<int64_t>(DType::i64, {1}, {7}))}},
                          {.target = "y.npy"});
  EXPECT_EQ(data.label_names, (Texts{"a", "b"}));
  EXPECT_EQ(data.train.x.as<float>()[7], 7);
  EXPECT_EQ(
      data.notes[0],
      "a sparse coo matrix: 1 of its 3 x 4 elements are stored, the others are read as zeros");
}

TEST_F(Arrays, SparsePartsThatMakeNoMatrixAreNamed) {
  auto refused = [&](Bytes indices, Bytes indptr, Bytes data, Bytes size = size_of(3, 4),
                     const char* name = "csr") {
    std::string message = message_of([&] {
      read_zip({{"indices", indices},
                {"indptr", indptr},
                {"format", format(name)},
                {"shape", size},
                {"data", data}});
    });
    return message.substr(0, message.find('\n')).substr(message.find(": ") + 2);
  };
  EXPECT_EQ(refused(i32({4}), i32({0, 1, 1, 1}), f32({1})),
            "array 'indices' of a sparse csr matrix [3, 4]: an index 4, expected 0 to 3");
  EXPECT_EQ(refused(i32({-1}), i32({0, 1, 1, 1}), f32({1})),
            "array 'indices' of a sparse csr matrix [3, 4]: an index -1, expected 0 to 3");
  for (const auto& indptr :
       {std::vector<int32_t>{0, 1, 1}, {1, 1, 1, 1}, {0, 2, 1, 1}, {0, 0, 0, 0}}) {
    EXPECT_EQ(
        refused(i32({0}), i32(indptr), f32({1})),
        "array 'indptr' of a sparse csr matrix [3, 4]: expected 4 numbers that rise from 0 to 1");
  }
  EXPECT_EQ(refused(i32({0}), i32({0, 1, 1, 1}), f32({1, 2})),
            "array 'data' of a sparse csr matrix [3, 4]: shape [2], expected [1]");
  EXPECT_EQ(
      refused(f32({0}), i32({0, 1, 1, 1}), f32({1})),
      "array 'indices' of a sparse csr matrix [3, 4]: f32 of shape [1], expected whole numbers "
      "[n]");
  EXPECT_EQ(refused(i32({0}), i32({0, 1, 1, 1}), f32({1}), size_of(3, -4)),
            "a sparse array of shape [3, -4], expected a matrix [N, D]");
  EXPECT_EQ(refused(i32({0}), i32({0, 1, 1, 1}), f32({1}), size_of(3, 4), "lil"),
            "a sparse matrix of format 'lil', expected csr, csc, bsr, coo or dia");
  std::string huge = refused(i32({0}), i32({0, 1}), f32({1}), size_of(1 << 30, 1 << 30));
  EXPECT_TRUE(
      huge.starts_with("a sparse matrix [1073741824, 1073741824] that takes 4.29e+09 GiB "
                       "with its zeros, and "))
      << huge;
}

}  // namespace
}  // namespace elbo
