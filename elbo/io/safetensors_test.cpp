// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>

namespace elbo {
namespace {

/// A file with the given header text and `data_bytes` bytes of data, all zero.
Bytes file_of(std::string_view header, size_t data_bytes) {
  uint64_t length = header.size();
  Bytes out(sizeof(length) + length + data_bytes);
  std::memcpy(out.data(), &length, sizeof(length));
  std::memcpy(out.data() + sizeof(length), header.data(), length);
  return out;
}

std::string message_of(const Bytes& bytes, Code code = Code::model) {
  try {
    parse_safetensors(bytes, "f", code);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    return error.message();
  }
  return "no error";
}

TensorFile example() {
  TensorFile file;
  file.tensors.emplace_back("w", make_array<float>(DType::f32, {2, 3}, {1, 2, 3, 4, 5, 6}));
  file.tensors.emplace_back("empty", make_array(DType::f64, {0, 7}));
  file.tensors.emplace_back("\xc3\xa9\n\"", make_array<int64_t>(DType::i64, {}, {-1}));
  file.tensors.emplace_back("m", make_array<uint8_t>(DType::boolean, {3}, {0, 1, 1}));
  file.metadata = {{"format", "elbo"}, {"note", "a \"quoted\" text"}};
  return file;
}

TEST(Safetensors, ParseUndoesEncode) {
  TensorFile file = example();
  TensorFile back = parse_safetensors(encode_safetensors(file), "f");
  EXPECT_EQ(back.metadata, file.metadata);
  ASSERT_EQ(back.tensors.size(), file.tensors.size());
  for (size_t i = 0; i < file.tensors.size(); ++i) {
    const auto& [name, array] = back.tensors[i];
    EXPECT_EQ(name, file.tensors[i].first);
    EXPECT_EQ(array.dtype, file.tensors[i].second.dtype);
    EXPECT_EQ(array.shape, file.tensors[i].second.shape);
    EXPECT_EQ(array.data, file.tensors[i].second.data);
  }
}

TEST(Safetensors, EncodeUndoesParseByteForByte) {
  for (const TensorFile& file : {TensorFile{}, example()}) {
    Bytes once = encode_safetensors(file);
    EXPECT_EQ(encode_safetensors(parse_safetensors(once, "f")), once);
  }
}

TEST(Safetensors, EveryDTypeRoundTrips) {
  for (DType d :
       {DType::boolean, DType::u8, DType::i8, DType::u16, DType::i16, DType::u32, DType::i32,
        DType::u64, DType::i64, DType::f16, DType::bf16, DType::f32, DType::f64}) {
    TensorFile file{{{"t", make_array(d, {2, 5})}}, {}};
    Array back = parse_safetensors(encode_safetensors(file), "f").tensors.at(0).second;
    EXPECT_EQ(back.dtype, d);
    EXPECT_EQ(back.data.size(), 10 * dtype_size(d));
  }
}

// The example of the format's description, written out by hand.
TEST(Safetensors, WritesTheDocumentedLayout) {
  TensorFile file{{{"tests", make_array<uint8_t>(DType::i8, {2}, {7, 9})}}, {}};
  Bytes bytes = encode_safetensors(file);
  std::string expected("\x40\0\0\0\0\0\0\0", 8);
  expected += R"({"tests":{"dtype":"I8","shape":[2],"data_offsets":[0,2]}})";
  expected += std::string(8 + 0x40 - expected.size(), ' ') + "\x07\x09";
  EXPECT_EQ(as_text(bytes), expected);
}

TEST(Safetensors, TensorsComeInTheOrderOfTheirData) {
  Bytes bytes = file_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},)"
                        R"("b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
                        3);
  TensorFile file = parse_safetensors(bytes, "f");
  ASSERT_EQ(file.tensors.size(), 2u);
  EXPECT_EQ(file.tensors[0].first, "b");
  EXPECT_EQ(file.tensors[1].first, "a");
}

TEST(Safetensors, EveryTruncationAndEveryExtraByteIsRefused) {
  Bytes whole = encode_safetensors(example());
  for (size_t n = 0; n < whole.size(); ++n) {
    Bytes cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(n));
    EXPECT_NE(message_of(cut), "no error") << n << " of " << whole.size() << " bytes";
  }
  whole.push_back(std::byte{0});
  EXPECT_EQ(message_of(whole), "f: 1 bytes after the last tensor");
}

struct HeaderCase {
  std::string header, message;
  size_t data_bytes = 4;
};

std::string tensor(const std::string& body) { return R"({"a":{)" + body + "}}"; }

const std::string kKnown = "BOOL U8 I8 U16 I16 U32 I32 U64 I64 F16 BF16 F32 F64";

const HeaderCase kHeaders[] = {
    {tensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])"), "no error"},
    {tensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])") + "   ", "no error"},
    {"", "f: byte 8: the header does not start with '{'"},
    {" {}", "f: byte 8: the header does not start with '{'", 0},
    {"[]", "f: byte 8: the header does not start with '{'", 0},
    {"\xef\xbb\xbf{}", "f: byte 8: the header does not start with '{'", 0},
    {"{}\n", "f: byte 10: the header does not end with '}' and spaces", 0},
    {std::string("{}\0", 3), "f: byte 10: the header does not end with '}' and spaces", 0},
    {"{} {}", "f: header: not valid JSON at byte 4", 0},
    {"{\"a\":}", "f: header: not valid JSON at byte 6"},
    {"{\"\xff\":1}", "f: header: not valid JSON at byte 3"},
    {R"({"a":[1]})", R"(f: tensor "a": a list; expected a table)"},
    {R"({"a\u001b[2J":0})", R"(f: tensor "a\u001b[2J": a whole number; expected a table)"},
    {R"({"a":{},"a":{}})", "f: header: duplicate key 'a'"},
    {tensor(R"("dtype":"F32","dtype":"F32")"), "f: header: duplicate key 'dtype'"},
    {tensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1)"),
     R"(f: tensor "a": unknown key "x"; expected dtype, shape and data_offsets)"},
    {tensor(R"("shape":[1],"data_offsets":[0,4])"), R"(f: tensor "a": has no dtype)"},
    {tensor(R"("dtype":"F32","data_offsets":[0,4])"), R"(f: tensor "a": has no shape)"},
    {tensor(R"("dtype":"F32","shape":[1])"), R"(f: tensor "a": has no data_offsets)"},
    {tensor(R"("dtype":1,"shape":[1],"data_offsets":[0,4])"),
     R"(f: tensor "a": dtype is a whole number; expected text)"},
    {tensor(R"("dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4])"),
     R"(f: tensor "a": dtype "F8_E4M3"; known: )" + kKnown},
    {tensor(R"("dtype":"f32","shape":[1],"data_offsets":[0,4])"),
     R"(f: tensor "a": dtype "f32"; known: )" + kKnown},
    {tensor(R"("dtype":"F32","shape":1,"data_offsets":[0,4])"),
     R"(f: tensor "a": shape is a whole number; expected a list)"},
    {tensor(R"("dtype":"F32","shape":[1.0],"data_offsets":[0,4])"),
     R"(f: tensor "a": shape[0] is not a whole number from 0 to 2^63-1)"},
    {tensor(R"("dtype":"F32","shape":[1,-1],"data_offsets":[0,4])"),
     R"(f: tensor "a": shape[1] is not a whole number from 0 to 2^63-1)"},
    {tensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615])"),
     R"(f: tensor "a": data_offsets[1] is not a whole number from 0 to 2^63-1)"},
    {tensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,4,8])"),
     R"(f: tensor "a": data_offsets has 3 numbers; expected 2)"},
    {tensor(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])"),
     R"(f: tensor "a": data_offsets [4, 0] do not lie in the 4 bytes of data)"},
    {tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"),
     R"(f: tensor "a": data_offsets [0, 8] do not lie in the 4 bytes of data)"},
    {tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"),
     R"(f: tensor "a": F32 [2] takes 8 bytes, its data_offsets hold 4)"},
    {tensor(R"("dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,4])"),
     R"(f: tensor "a": shape [4294967296, 4294967296] is too large)"},
    {tensor(R"("dtype":"U8","shape":[3],"data_offsets":[0,3])"),
     "f: 1 bytes after the last tensor"},
    {tensor(R"("dtype":"U8","shape":[3],"data_offsets":[1,4])"),
     R"(f: tensor "a" leaves a hole before it at data byte 1; expected byte 0)"},
    {R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},)"
     R"("b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
     R"(f: tensor "b" overlaps the one before at data byte 2; expected byte 3)"},
    {R"({"__metadata__":[]})", "f: __metadata__ is a list; expected a table of texts", 0},
    {R"({"__metadata__":{"k":1}})", R"(f: __metadata__: "k" is a whole number; expected text)", 0},
};

TEST(Safetensors, EditedHeadersAreRefusedWithAReason) {
  for (const HeaderCase& c : kHeaders) {
    EXPECT_EQ(message_of(file_of(c.header, c.data_bytes)), c.message);
  }
}

TEST(Safetensors, LengthsAreCheckedBeforeTheyAreUsed) {
  Bytes bytes = file_of("{}", 0);
  auto with_length = [&](uint64_t length) {
    std::memcpy(bytes.data(), &length, sizeof(length));
    return message_of(bytes);
  };
  EXPECT_EQ(with_length(3), "f: byte 0: a header of 3 bytes in a file of 10");
  EXPECT_EQ(with_length(UINT64_MAX),
            "f: byte 0: a header of 18446744073709551615 bytes; at most 16777216 are read");
  EXPECT_EQ(message_of(Bytes(7)), "f: 7 bytes; a safetensors file starts with an 8-byte length");
}

TEST(Safetensors, TooManyTensorsOrDimensionsAreRefused) {
  std::string header = "{";
  for (int i = 0; i <= 100000; ++i) {
    header += fmt::format(R"({}"{}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
                          i == 0 ? "" : ",", i);
  }
  EXPECT_EQ(message_of(file_of(header + "}", 0)), "f: 100001 tensors; at most 100000 are read");
  header = fmt::format(R"({{"a":{{"dtype":"U8","shape":[{}],"data_offsets":[0,1]}}}})",
                       fmt::join(std::vector<int>(65, 1), ","));
  EXPECT_EQ(message_of(file_of(header, 1)), R"(f: tensor "a": 65 dimensions; at most 64 are read)");
}

TEST(Safetensors, BoolsOtherThanZeroAndOneAreRefused) {
  Bytes bytes = file_of(R"({"a":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})", 2);
  EXPECT_EQ(message_of(bytes), "no error");
  bytes.back() = std::byte{2};
  EXPECT_EQ(message_of(bytes), R"(f: tensor "a": element 1 is 2; a BOOL is 0 or 1)");
}

TEST(Safetensors, ErrorsCarryTheCodeAsked) { message_of(Bytes(3), Code::data); }

TEST(Safetensors, WhatCouldNotBeReadIsNotWritten) {
  Array one = make_array(DType::u8, {1});
  EXPECT_THROW(encode_safetensors({{{"a", one}, {"a", one}}, {}}), Error);
  EXPECT_THROW(encode_safetensors({{{"__metadata__", one}}, {}}), Error);
  EXPECT_THROW(encode_safetensors({{{"\xff", one}}, {}}), Error);
  EXPECT_THROW(encode_safetensors({{{"a", Array{DType::f32, {2}, Bytes(7)}}}, {}}), Error);
  EXPECT_THROW(encode_safetensors({{{"a", Array{DType::f32, {-1}, {}}}}, {}}), Error);
}

}  // namespace
}  // namespace elbo
