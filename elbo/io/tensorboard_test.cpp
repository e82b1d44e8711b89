// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/tensorboard.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <map>

namespace elbo {
namespace {

namespace fs = std::filesystem;

class TensorBoardTest : public testing::Test {
 protected:
  Path folder = make_unique_folder(fs::temp_directory_path(), "elbo-tensorboard-test");
  ~TensorBoardTest() override { fs::remove_all(folder); }
};

std::vector<Path> files_of(const Path& folder) {
  std::vector<Path> out;
  for (const auto& entry : fs::directory_iterator(folder)) out.push_back(entry.path());
  return out;
}

template <class T>
T take(std::string_view& bytes) {
  T out{};
  EXPECT_GE(bytes.size(), sizeof(T));
  if (bytes.size() < sizeof(T)) return out;
  std::memcpy(&out, bytes.data(), sizeof(T));
  bytes.remove_prefix(sizeof(T));
  return out;
}

std::string_view take_bytes(std::string_view& bytes, size_t n) {
  EXPECT_GE(bytes.size(), n);
  std::string_view out = bytes.substr(0, n);
  bytes.remove_prefix(std::min(n, bytes.size()));
  return out;
}

/// CRC-32C bit by bit, from its polynomial.
uint32_t slow_crc(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (unsigned char c : bytes) {
    for (int bit = 0; bit < 8; ++bit) {
      bool odd = ((crc ^ static_cast<uint32_t>(c >> bit)) & 1) != 0;
      crc = (crc >> 1) ^ (odd ? 0x82F63B78 : 0);
    }
  }
  return ~crc;
}

void expect_crc(std::string_view& file, std::string_view of) {
  uint32_t masked = take<uint32_t>(file), rotated = masked - 0xA282EAD8;
  EXPECT_EQ((rotated << 15) | (rotated >> 17), slow_crc(of));
}

/// The payloads of a TFRecord file; every checksum is verified.
std::vector<std::string> records_of(const Path& path) {
  std::string text = read_text(path);
  std::string_view file = text;
  std::vector<std::string> out;
  while (!file.empty() && !testing::Test::HasFailure()) {
    std::string_view start = file;
    auto length = take<uint64_t>(file);
    expect_crc(file, start.substr(0, 8));
    std::string_view payload = take_bytes(file, length);
    expect_crc(file, payload);
    out.emplace_back(payload);
  }
  return out;
}

/// The fields of a protobuf message, numbers as their raw bits, each field at most once.
struct Message {
  std::map<uint64_t, uint64_t> numbers;
  std::map<uint64_t, std::string> texts;
};

uint64_t take_varint(std::string_view& bytes) {
  uint64_t out = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    auto byte = take<uint8_t>(bytes);
    out |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) break;
  }
  return out;
}

Message message_of(std::string_view bytes) {
  Message out;
  while (!bytes.empty() && !testing::Test::HasFailure()) {
    uint64_t key = take_varint(bytes), field = key >> 3;
    EXPECT_EQ(out.numbers.count(field) + out.texts.count(field), 0u);
    switch (key & 7) {
      case 0:
        out.numbers[field] = take_varint(bytes);
        break;
      case 1:
        out.numbers[field] = take<uint64_t>(bytes);
        break;
      case 2:
        out.texts[field] = take_bytes(bytes, take_varint(bytes));
        break;
      case 5:
        out.numbers[field] = take<uint32_t>(bytes);
        break;
      default:
        ADD_FAILURE() << "wire type " << (key & 7);
    }
  }
  return out;
}

double as_double(uint64_t bits) {
  double out;
  std::memcpy(&out, &bits, sizeof(out));
  return out;
}

float as_float(uint64_t bits) {
  float out;
  std::memcpy(&out, &bits, sizeof(out));
  return out;
}

// RFC 3720, section B.4, and the customary check value.
TEST(Crc32c, MatchesPublishedVectors) {
  std::string up, down;
  for (int i = 0; i < 32; ++i) {
    up += static_cast<char>(i);
    down += static_cast<char>(31 - i);
  }
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
  EXPECT_EQ(crc32c(up), 0x46DD794Eu);
  EXPECT_EQ(crc32c(down), 0x113FDB5Cu);
}

TEST_F(TensorBoardTest, FileReadsBackAsItWasWritten) {
  struct Scalar {
    std::string tag;
    double value;
    int64_t step;
  };
  const std::vector<Scalar> scalars = {{"train/neg_elbo", 97.921, 0},
                                       {"valid/kl", -1e-30, 300},
                                       {"valid/kl", 2, 128},
                                       {std::string(300, 'x'), INFINITY, int64_t{1} << 40},
                                       {"\xc3\xa9", 0, -1}};
  {
    TensorBoardWriter writer(folder / "new" / "events");
    for (const Scalar& s : scalars) writer.scalar(s.tag, s.value, s.step);
  }
  std::vector<Path> files = files_of(folder / "new" / "events");
  ASSERT_EQ(files.size(), 1u);
  std::vector<std::string> records = records_of(files[0]);
  ASSERT_EQ(records.size(), scalars.size() + 1);
  EXPECT_EQ(message_of(records[0]).texts.at(3), "brain.Event:2");
  double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  for (size_t i = 0; i < scalars.size(); ++i) {
    Message event = message_of(records[i + 1]);
    EXPECT_NEAR(as_double(event.numbers.at(1)), now, 60);
    EXPECT_EQ(static_cast<int64_t>(event.numbers.at(2)), scalars[i].step);
    Message value = message_of(message_of(event.texts.at(5)).texts.at(1));
    EXPECT_EQ(value.texts.at(1), scalars[i].tag);
    EXPECT_EQ(as_float(value.numbers.at(2)), static_cast<float>(scalars[i].value));
  }
}

TEST_F(TensorBoardTest, EveryScalarIsInTheFileAtOnce) {
  TensorBoardWriter writer(folder);
  Path path = files_of(folder).at(0);
  for (size_t i = 1; i < 4; ++i) {
    writer.scalar("a", 1, static_cast<int64_t>(i));
    EXPECT_EQ(records_of(path).size(), i + 1);
  }
}

TEST_F(TensorBoardTest, WritersInOneFolderHaveFilesOfTheirOwn) {
  TensorBoardWriter a(folder), b(folder);
  std::vector<Path> files = files_of(folder);
  ASSERT_EQ(files.size(), 2u);
  for (const Path& path : files) {
    EXPECT_TRUE(path.filename().string().starts_with("events.out.tfevents."));
  }
}

TEST_F(TensorBoardTest, AFolderThatCannotBeMadeIsAnError) {
  write_file(folder / "file", "");
  EXPECT_THROW(TensorBoardWriter(folder / "file" / "events"), Error);
}

}  // namespace
}  // namespace elbo
