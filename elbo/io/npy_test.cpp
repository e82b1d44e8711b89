// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/npy.h"

#include "elbo/core/rng.h"
#include "elbo/io/testing.h"

namespace elbo {
namespace {

/// An npy file of version 1.0 with the given header text and data.
Bytes npy(std::string_view header, std::string_view data = "", char major = 1) {
  std::string text = "\x93NUMPY";
  text +=
      {major, '\0', static_cast<char>(header.size() & 0xFF), static_cast<char>(header.size() >> 8)};
  if (major > 1) text += std::string(2, '\0');
  text += header;
  text += data;
  return Bytes(as_bytes(text).begin(), as_bytes(text).end());
}

Bytes npy_of(std::string_view descr, std::string_view order, std::string_view shape,
             std::string_view data) {
  return npy(
      fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}", descr, order, shape),
      data);
}

std::string parse_error(const Bytes& bytes) {
  return message_of([&] { parse_npy(bytes, "a.npy"); });
}

TEST(Npy, ParseUndoesEncodeForEveryTypeAndRank) {
  Rng rng(1, "npy");
  for (DType dtype : {DType::boolean, DType::u8, DType::i8, DType::u16, DType::i16, DType::u32,
                      DType::i32, DType::u64, DType::i64, DType::f16, DType::f32, DType::f64}) {
    for (size_t rank = 0; rank <= 6; ++rank) {
      std::vector<int64_t> shape;
      for (size_t d = 0; d < rank; ++d) shape.push_back(static_cast<int64_t>(rng.below(5)));
      Array array = make_array(dtype, shape);
      for (std::byte& b : array.data) b = static_cast<std::byte>(rng.below(256));
      Bytes bytes = encode_npy(array);
      expect_equal(parse_npy(bytes, "a.npy"), array);
      EXPECT_EQ((bytes.size() - array.data.size()) % 64, 0u);
    }
  }
}

TEST(Npy, FortranOrderIsTheTransposeOfTheReversedShape) {
  // [2, 3, 2] in Fortran order: element (i, j, k) lies at i + 2 j + 6 k.
  std::string data;
  for (char c = 0; c < 12; ++c) data += c;
  Array a = parse_npy(npy_of("|u1", "True", "(2, 3, 2)", data), "a.npy");
  ASSERT_EQ(a.shape, (std::vector<int64_t>{2, 3, 2}));
  for (size_t i = 0; i < 2; ++i) {
    for (size_t j = 0; j < 3; ++j) {
      for (size_t k = 0; k < 2; ++k) {
        EXPECT_EQ(a.as<uint8_t>()[i * 6 + j * 2 + k], i + 2 * j + 6 * k);
      }
    }
  }
}

TEST(Npy, ByteOrderIsUndone) {
  EXPECT_EQ(values<int32_t>(parse_npy(npy_of(">i4", "False", "(1,)", {"\0\0\1\2", 4}), "a")),
            std::vector<int32_t>{258});
  EXPECT_EQ(values<int32_t>(parse_npy(npy_of("<i4", "False", "(1,)", {"\2\1\0\0", 4}), "a")),
            std::vector<int32_t>{258});
}

TEST(Npy, AllVersionsAndSpellingsOfTheHeaderAreRead) {
  std::string_view header = "{\"shape\":(2,),'fortran_order':False , 'descr': '<u2'}  \n";
  for (char major : {1, 2, 3}) {
    EXPECT_EQ(values<uint16_t>(parse_npy(npy(header, {"\1\0\2\0", 4}, major), "a")),
              (std::vector<uint16_t>{1, 2}));
  }
}

TEST(Npy, EveryTruncationAndExtensionIsRefused) {
  Bytes whole = encode_npy(bytes_array({3, 2}));
  for (size_t n = 0; n < whole.size(); ++n) {
    EXPECT_THROW(parse_npy(std::span(whole).first(n), "a.npy"), Error) << n;
  }
  whole.push_back(std::byte{0});
  EXPECT_THROW(parse_npy(whole, "a.npy"), Error);
}

TEST(Npy, TypesThatAreNotReadAreNamedWithAWayToSaveThem) {
  auto refused = [](const char* descr) { return parse_error(npy_of(descr, "False", "(1,)", "")); };
  auto says = [](const char* descr, const char* meaning, const char* remedy) {
    return fmt::format(
        "a.npy: npy dtype '{}' {}, expected numbers of up to 64 bits, bool or text\n{}", descr,
        meaning, remedy);
  };
  EXPECT_EQ(
      refused("|O"),
      says("|O", "holds Python objects (pickle)",
           "Python objects (pickle) are never read. Save numbers as numbers: numpy.save(path, "
           "numpy.array(array.tolist(), dtype='float32')); texts as texts: "
           "array.astype(str); a dictionary entry by entry: numpy.savez(path, "
           "**array.item()); a sparse matrix: scipy.sparse.save_npz(path, array.item())."));
  EXPECT_EQ(refused("<c8"),
            says("<c8", "is complex",
                 "Save both parts: numpy.save(path, numpy.stack([array.real, array.imag], -1))."));
  EXPECT_EQ(refused("<M8[s]"), says("<M8[s]", "is dates or times",
                                    "Save seconds: numpy.save(path, "
                                    "array.astype('datetime64[s]').astype('float64'))."));
  const char* other = "Save it with another dtype: numpy.save(path, array.astype('float64')).";
  EXPECT_EQ(refused("<f16"), says("<f16", "is not supported", other));
  EXPECT_EQ(refused("|i4"), says("|i4", "is not supported", other));
  EXPECT_EQ(refused(""), says("", "is not supported", other));
}

TEST(Npy, TextsAreReadOfEitherKind) {
  auto texts = [](const char* descr, const char* shape, std::string_view data) {
    return parse_npy_texts(npy_of(descr, "False", shape, data), "a.npy");
  };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(texts("|S3", "(3,)", {"cat\0\0\0dog", 9}), (Texts{"cat", "", "dog"}));
  std::string wide("c\0\0\0\xe9\0\0\0\xac\x20\0\0\0\xf6\1\0", 16);  // c, e acute, euro, a face
  EXPECT_EQ(texts("<U2", "(2,)", wide), (Texts{"c\xc3\xa9", "\xe2\x82\xac\xf0\x9f\x98\x80"}));
  EXPECT_EQ(texts(">U1", "(1, 1)", {"\0\0\0A", 4}), Texts{"A"});
  EXPECT_EQ(texts("|S3", "()", "csr"), Texts{"csr"});
  EXPECT_EQ(texts("<U1", "(1,)", {"\0\xd8\0\0", 4}), Texts{"\xef\xbf\xbd"}) << "half a pair";
  EXPECT_EQ(message_of([&] { texts("|S1", "(1, 2)", "ab"); }),
            "a.npy: texts of shape [1, 2], expected [N]");
  EXPECT_EQ(message_of([&] { texts("|S0", "(9,)", ""); }), "a.npy: npy elements of no bytes");
  EXPECT_EQ(parse_error(npy_of("|S1", "False", "(1,)", "a")),
            "a.npy: holds texts, expected an array of numbers\nTexts are read as labels. Numbers "
            "written as text: numpy.save(path, array.astype('float64')).");
}

Bytes records(std::string_view descr, std::string_view shape, std::string_view data) {
  return npy(fmt::format("{{'descr': {}, 'fortran_order': False, 'shape': {}, }}", descr, shape),
             data);
}

TEST(Npy, RecordsBecomeColumnsOfTheirNames) {
  auto csv = [](std::string_view descr, std::string_view data) {
    return npy_records_as_csv(records(descr, "(1,)", data), "a.npy");
  };
  EXPECT_EQ(csv("[('a', '|u1'), ('b, c', '>i2'), ('d', '|S2')]", {"\7\1\0x,", 5}),
            "a,\"b, c\",d\n7,256,\"x,\"\n");
  EXPECT_EQ(csv("[('a', '|u1', (2, 2)), ('', '|V3'), ('b', '|b1')]", {"\1\2\3\4???\1", 8}),
            "\"a[0,0]\",\"a[0,1]\",\"a[1,0]\",\"a[1,1]\",b\n1,2,3,4,1\n");
  EXPECT_EQ(csv("[(('a title', 'a'), [('x', '|i1'), ('y', '|i1')])]", {"\xff\2", 2}),
            "a.x,a.y\n-1,2\n");
  EXPECT_EQ(csv("[('h', '<f2'), ('d', '<f8')]", {"\0\x3c\x9a\x99\x99\x99\x99\x99\xb9\x3f", 10}),
            "h,d\n1,0.1\n");
}

TEST(Npy, RecordsThatAreNoTableAreRefused) {
  auto refused = [](std::string_view descr, std::string_view shape = "(1,)",
                    std::string_view data = "") {
    return message_of([&] { npy_records_as_csv(records(descr, shape, data), "a.npy"); });
  };
  EXPECT_EQ(refused("[]", "(1,)"), "a.npy: npy records without fields");
  EXPECT_EQ(refused("[('a', '|u1')]", "(1, 2)", "ab"),
            "a.npy: records of shape [1, 2], expected [N]");
  EXPECT_EQ(refused("[('a', [('b', '|u1')], (2,))]"),
            "a.npy: npy field 'a' is an array of structures\nSave its fields as arrays of their "
            "own.");
  EXPECT_TRUE(refused("[('a', '|O')]")
                  .starts_with("a.npy: npy dtype '|O' of field 'a' holds Python objects (pickle)"));
  EXPECT_EQ(refused("[('a', '<f8', (4294967296, 4294967296))]"),
            "a.npy: npy elements of more than 2147483648 bytes");
  EXPECT_EQ(refused("[('', '|V0', (4294967296, 65536)), ('a', '|u1')]", "(1,)", "a"), "no error");
  std::string deep = "'|u1'";
  for (int i = 0; i < 20; ++i) deep = "[('a', " + deep + ")]";
  EXPECT_NE(refused(deep).find("fields nested less deep"), std::string::npos);
  EXPECT_EQ(parse_error(records("[('a', '|u1')]", "(1,)", "a")),
            "a.npy: holds records, expected an array of numbers");
}

TEST(Npy, HostileHeadersAreRefusedWithTheirByte) {
  EXPECT_EQ(
      parse_error(npy("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}")),
      "a.npy: npy header is wrong at byte 44: expected True or False, got '0, 'shape': (1,)}'");
  EXPECT_EQ(parse_error(npy("{'descr': '<f4', 'shape': (1,)}")),
            "a.npy: npy header lacks one of 'descr', 'fortran_order', 'shape': "
            "{'descr': '<f4', 'shape': (1,)}");
  EXPECT_EQ(parse_error(npy("{'descr': '<f4', 'descr': '<f4'}")),
            "a.npy: npy header names 'descr' twice");
  EXPECT_EQ(parse_error(npy("{'dtype': '<f4'}")), "a.npy: npy header has the unknown key 'dtype'");
  EXPECT_EQ(parse_error(npy_of("<f4", "False", "(-1,)", "")),
            "a.npy: npy header is wrong at byte 61: expected a size, got '-1,), }'");
  EXPECT_EQ(parse_error(npy_of("<f4", "False", "(99999999999999999999,)", "")),
            "a.npy: npy header is wrong at byte 79: expected a size below 2^63, got '99,), }'");
  EXPECT_EQ(parse_error(npy_of("<f4", "False", "(4294967296, 4294967296, 4294967296)", "")),
            "a.npy: shape [4294967296, 4294967296, 4294967296] of f32 needs too many bytes after "
            "byte 99, found 0\nThe file is damaged or was not copied whole; get it again.");
  Bytes huge = npy("", "", 2);
  std::fill_n(huge.begin() + 8, 4, std::byte{0xFF});
  EXPECT_EQ(parse_error(huge), "a.npy: npy header of 4294967295 bytes, at most 65536 expected");
  EXPECT_EQ(parse_error(npy("", "", 4)), "a.npy: npy version 4.0, expected 1.0, 2.0 or 3.0");
}

TEST(Npy, TypesThatNumpyLacksAreRefusedOnWriting) {
  EXPECT_EQ(message_of([] { encode_npy(make_array(DType::bf16, {1})); }),
            "NumPy has no dtype for bf16; convert to f32 first");
}

TEST(Npz, ParseUndoesEncode) {
  std::vector<std::pair<std::string, Array>> entries = {
      {"x", bytes_array({2, 3})}, {"y", make_array<float>(DType::f32, {2}, {1.5f, -2})}};
  auto back = parse_npz(encode_npz(entries), "a.npz");
  ASSERT_EQ(back.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(back[i].first, entries[i].first);
    expect_equal(back[i].second, entries[i].second);
  }
}

// Written by numpy.savez_compressed; see tools/make_fuzz_seeds.py for one made without NumPy.
TEST(Npz, CompressedEntriesAreRead) {
  Path path = Path(ELBO_SOURCE_DIR) / "tests/fuzz/npz/deflated.npz";
  auto entries = parse_npz(read_file(path), path.string());
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].first, "x");
  EXPECT_EQ(values<float>(entries[0].second), (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(values<int64_t>(entries[1].second), (std::vector<int64_t>{0, 1, 0, 1}));
}

TEST(Npz, OtherFilesInTheZipAreRefused) {
  std::string message = message_of([] {
    Path path = Path(ELBO_SOURCE_DIR) / "tests/fuzz/npz/other.npz";
    parse_npz(read_file(path), "a.npz");
  });
  EXPECT_EQ(message, "a.npz: entry 'readme.txt': expected a name ending in .npy");
}

TEST(NpyTexts, ComeBackAsUtf8) {
  const std::vector<std::string> texts = {"a", "", "Gr\xC3\xBC\xC3\x9F", "\xE6\x97\xA5\xE6\x9C\xAC",
                                          "\xF0\x9F\x98\x80!"};
  EXPECT_EQ(parse_npy_texts(encode_npy_texts(texts), "a.npy"), texts);
  EXPECT_EQ(parse_npy_texts(encode_npy_texts({}), "a.npy"), std::vector<std::string>{});
  const std::vector<std::string> no_utf8 = {"\xFFz", "\xE6\x97", "\xED\xA0\x80", "\xC0\x80"};
  for (const std::string& text : parse_npy_texts(encode_npy_texts(no_utf8), "a.npy")) {
    EXPECT_TRUE(text.starts_with("\xEF\xBF\xBD")) << text;
  }
}

TEST(NpyTexts, AreLeftOutOfAnNpzWhereNumbersAloneAreWanted) {
  Bytes file = encode_npz({{"x", make_array(DType::f32, {2})}}, {{"kind", {"a", "b"}}});
  EXPECT_EQ(parse_npz(file, "a.npz", 1 << 20, true).size(), 1u);
  EXPECT_THROW(parse_npz(file, "a.npz"), Error);
}

}  // namespace
}  // namespace elbo
