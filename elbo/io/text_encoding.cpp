// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/text_encoding.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace elbo {
namespace {

constexpr uint32_t kReplacement = 0xFFFD;

void append_utf8(std::string& out, uint32_t c) {
  auto byte = [&](uint32_t b) { out += static_cast<char>(b); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xC0 | c >> 6), byte(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    byte(0xE0 | c >> 12), byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F));
  } else {
    byte(0xF0 | c >> 18), byte(0x80 | (c >> 12 & 0x3F));
    byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F));
  }
}

/// The letters 0x80 to 0x9F of Windows-1252; those it leaves free are themselves.
constexpr std::array<uint16_t, 32> kWindows1252 = {
    0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8D,   0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};

/// Bytes of the UTF-8 letter at the start of the text; 0 where there is none (Unicode, table 3-7).
size_t letter_bytes(std::string_view text) {
  auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = at(0);
  if (first < 0x80) return 1;
  size_t n = first >= 0xC2 && first <= 0xDF   ? 2
             : first >= 0xE0 && first <= 0xEF ? 3
             : first >= 0xF0 && first <= 0xF4 ? 4
                                              : 0;
  if (n == 0 || text.size() < n) return 0;
  unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (at(1) < low || at(1) > high) return 0;
  for (size_t i = 2; i < n; ++i) {
    if (at(i) < 0x80 || at(i) > 0xBF) return 0;
  }
  return n;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    size_t n = letter_bytes(text);
    if (n == 0) return false;
    text.remove_prefix(n);
  }
  return true;
}

/// Turns UTF-16 or UTF-32 that comes in pieces into UTF-8.
class WideText {
 public:
  WideText(TextSource source, std::string pending, std::string_view encoding)
      : source_(std::move(source)),
        in_(std::move(pending)),
        unit_(encoding.starts_with("UTF-32") ? 4 : 2),
        is_big_(encoding.ends_with("BE")) {}

  size_t operator()(std::span<char> out) {
    while (out_.size() == given_ && (!in_.empty() || !is_over_)) {
      out_.clear();
      given_ = 0;
      fetch();
      convert();
    }
    size_t n = std::min(out.size(), out_.size() - given_);
    std::copy_n(out_.data() + given_, n, out.data());
    given_ += n;
    return n;
  }

 private:
  void fetch() {
    if (is_over_) return;
    std::array<char, 1 << 16> buffer;
    size_t n = source_(buffer);
    is_over_ = n == 0;
    in_.append(buffer.data(), n);
  }
  uint32_t unit_at(size_t i) const {
    uint32_t value = 0;
    for (size_t b = 0; b < unit_; ++b) {
      size_t shift = 8 * (is_big_ ? unit_ - 1 - b : b);
      value |= uint32_t{static_cast<unsigned char>(in_[i + b])} << shift;
    }
    return value;
  }
  void convert() {
    size_t i = 0;
    while (in_.size() - i >= unit_) {
      uint32_t c = unit_at(i);
      bool is_high = unit_ == 2 && c >= 0xD800 && c < 0xDC00;
      if (is_high && in_.size() - i < 4 && !is_over_) break;  // its low half is still to come
      i += unit_;
      if (is_high && in_.size() - i >= 2 && unit_at(i) >= 0xDC00 && unit_at(i) < 0xE000) {
        c = 0x10000 + ((c - 0xD800) << 10) + (unit_at(i) - 0xDC00);
        i += 2;
      }
      bool is_letter = c < 0xD800 || (c >= 0xE000 && c < 0x110000);
      append_utf8(out_, is_letter ? c : kReplacement);
    }
    in_.erase(0, i);
    if (is_over_ && !in_.empty()) {  // half a letter
      append_utf8(out_, kReplacement);
      in_.clear();
    }
  }

  TextSource source_;
  std::string in_, out_;
  size_t unit_, given_ = 0;
  bool is_big_, is_over_ = false;
};

}  // namespace

std::string wide_encoding(std::string_view head) {
  using namespace std::string_view_literals;
  for (auto [mark, name] : {std::pair("\xFF\xFE\0\0"sv, "UTF-32 LE"),
                            {"\0\0\xFE\xFF"sv, "UTF-32 BE"},
                            {"\xFF\xFE"sv, "UTF-16 LE"},
                            {"\xFE\xFF"sv, "UTF-16 BE"}}) {
    if (head.starts_with(mark)) return name;
  }
  if (head.size() < 4) return "";
  head = head.substr(0, 8);
  bool little = true, big = true;
  for (size_t i = 0; i + 1 < head.size(); i += 2) {
    little = little && head[i] != 0 && head[i + 1] == 0;
    big = big && head[i] == 0 && head[i + 1] != 0;
  }
  return little ? "UTF-16 LE" : big ? "UTF-16 BE" : "";
}

TextSource in_utf8(TextSource source, std::string& encoding) {
  std::string head(8, '\0');
  size_t n = 0;
  for (size_t got = 1; got > 0 && n < head.size(); n += got) {
    got = source({head.data() + n, head.size() - n});
  }
  head.resize(n);
  encoding = wide_encoding(head);
  if (!encoding.empty()) return WideText(std::move(source), std::move(head), encoding);
  return [head, source = std::move(source), given = size_t{0}](std::span<char> out) mutable {
    if (given == head.size()) return source(out);
    size_t some = std::min(out.size(), head.size() - given);
    std::copy_n(head.data() + given, some, out.data());
    given += some;
    return some;
  };
}

std::string to_utf8(std::string_view text, bool& was_not) {
  if (is_utf8(text)) return std::string(text);
  was_not = true;
  std::string out;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    append_utf8(out, byte >= 0x80 && byte < 0xA0 ? kWindows1252[byte - 0x80] : byte);
  }
  return out;
}

}  // namespace elbo
