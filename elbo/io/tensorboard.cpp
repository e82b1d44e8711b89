// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/tensorboard.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstring>

namespace elbo {
namespace {

constexpr std::array<uint32_t, 256> make_crc_table() {
  std::array<uint32_t, 256> out{};
  for (uint32_t i = 0; i < out.size(); ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78 : 0);
    out[i] = crc;
  }
  return out;
}

template <class T>
std::string little_endian(T value) {
  static_assert(std::endian::native == std::endian::little);
  std::string out(sizeof(T), '\0');
  std::memcpy(out.data(), &value, sizeof(T));
  return out;
}

/// A CRC as TFRecord stores it, so that a CRC over data that holds CRCs stays useful.
std::string masked_crc(std::string_view bytes) {
  uint32_t crc = crc32c(bytes);
  return little_endian(std::rotr(crc, 15) + 0xA282EAD8);
}

std::string varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out += static_cast<char>(value);
}

// The fields of a protobuf message: a key of number and wire type, then the value.
enum WireType { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };
std::string key(int field, WireType type) {
  return varint(static_cast<uint64_t>(field << 3 | type));
}
std::string integer_field(int field, int64_t value) {
  return key(field, kVarint) + varint(static_cast<uint64_t>(value));
}
std::string double_field(int field, double value) {
  return key(field, kFixed64) + little_endian(value);
}
std::string float_field(int field, float value) {
  return key(field, kFixed32) + little_endian(value);
}
std::string text_field(int field, std::string_view value) {
  return key(field, kLengthDelimited) + varint(value.size()) + std::string(value);
}

double seconds_now() {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

Path new_event_file(const Path& folder) {
  static std::atomic<int> count = 0;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  ELBO_CHECK(!error, Code::resource, "cannot make folder {}: {}", folder.string(), error.message());
  char host[256] = "";
  if (::gethostname(host, sizeof(host) - 1) != 0) std::strcpy(host, "localhost");
  return folder / fmt::format("events.out.tfevents.{:.0f}.{}.{}.{}", seconds_now(), host,
                              static_cast<long>(::getpid()), count++);
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static constexpr auto kTable = make_crc_table();
  uint32_t crc = ~uint32_t{0};
  for (unsigned char c : bytes) crc = crc >> 8 ^ kTable[(crc ^ c) & 0xFF];
  return ~crc;
}

// Event: wall_time = 1, step = 2, file_version = 3, summary = 5. Summary: value = 1.
// Summary.Value: tag = 1, simple_value = 2.
TensorBoardWriter::TensorBoardWriter(const Path& folder) : file_(new_event_file(folder)) {
  record(double_field(1, seconds_now()) + text_field(3, "brain.Event:2"));
}

void TensorBoardWriter::scalar(std::string_view tag, double value, int64_t step) {
  std::string entry = text_field(1, tag) + float_field(2, static_cast<float>(value));
  record(double_field(1, seconds_now()) + integer_field(2, step) +
         text_field(5, text_field(1, entry)));
}

void TensorBoardWriter::record(std::string_view event) {
  std::string length = little_endian(static_cast<uint64_t>(event.size()));
  file_.append(length + masked_crc(length) + std::string(event) + masked_crc(event));
}

}  // namespace elbo
