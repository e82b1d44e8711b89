// SPDX-License-Identifier: Apache-2.0
#include "elbo/report/markup.h"

#include <algorithm>
#include <cstdint>

namespace elbo {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

/// The length of the well-formed UTF-8 sequence at the start of the text, or 0 (Unicode 15,
/// table 3-7).
size_t sequence_length(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = byte(0);
  if (first < 0x80) return 1;
  size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if (!continues(text[i])) return 0;
  }
  unsigned char second = byte(1);
  bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  bool surrogate = first == 0xED && second > 0x9F;
  bool beyond = first == 0xF4 && second > 0x8F;
  // U+FFFE and U+FFFF are no XML characters.
  bool noncharacter = first == 0xEF && second == 0xBF && byte(2) >= 0xBE;
  return overlong || surrogate || beyond || noncharacter ? 0 : length;
}

std::string_view escape_of(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    case '\t':
    case '\n':
      return "";
  }
  bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
  return control ? kReplacement : "";
}

}  // namespace

std::string escape_markup(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    size_t length = sequence_length(text);
    std::string_view escape = length == 0 ? kReplacement : escape_of(text[0]);
    length = std::max<size_t>(length, 1);
    out += escape.empty() ? text.substr(0, length) : escape;
    text.remove_prefix(length);
  }
  return out;
}

std::string base64(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    size_t n = std::min<size_t>(3, bytes.size() - i);
    uint32_t bits = 0;
    for (size_t j = 0; j < 3; ++j) {
      bits = bits << 8 | (j < n ? static_cast<uint32_t>(bytes[i + j]) : 0);
    }
    for (size_t j = 0; j < 4; ++j) out += j <= n ? kDigits[bits >> (18 - 6 * j) & 63] : '=';
  }
  return out;
}

size_t text_width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues(c); }));
}

std::string cut_text(std::string_view text, size_t width) {
  if (text_width(text) <= width) return std::string(text);
  size_t end = 0;
  for (size_t seen = 0; end < text.size(); ++end) {
    if (!continues(text[end]) && ++seen >= width) break;
  }
  return std::string(text.substr(0, end)) + "\xe2\x80\xa6";
}

}  // namespace elbo
