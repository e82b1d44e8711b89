// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/picture_stack.h"

#include <algorithm>
#include <vector>

namespace elbo {
namespace {

template <class T>
bool is_grey(std::span<const T> p) {
  for (size_t i = 0; i + 2 < p.size(); i += 3) {
    if (p[i] != p[i + 1] || p[i] != p[i + 2]) return false;
  }
  return true;
}

bool is_grey(const Array& image) {
  if (image.shape[2] == 1) return true;
  return image.dtype == DType::u8 ? is_grey(image.as<uint8_t>()) : is_grey(image.as<uint16_t>());
}

template <class From, class To>
void spread_values(std::span<const From> in, size_t channels, To* out, size_t out_channels) {
  constexpr unsigned kScale = sizeof(To) > sizeof(From) ? 257 : 1;  // 255 * 257 = 65,535
  for (size_t i = 0; i < in.size(); i += channels) {
    for (size_t c = 0; c < out_channels; ++c) {
      *out++ = static_cast<To>(in[i + (channels == 3 ? c : 0)] * kScale);
    }
  }
}

/// Appends pixels of `channels` values as pixels of a type and number of channels no smaller, or of
/// one channel where three are equal.
void append(Bytes& to, DType to_type, int64_t to_channels, const Bytes& from, DType from_type,
            int64_t from_channels) {
  size_t pixels = from.size() / dtype_size(from_type) / static_cast<size_t>(from_channels);
  size_t begin = to.size(), channels = static_cast<size_t>(from_channels),
         wide = static_cast<size_t>(to_channels);
  to.resize(begin + pixels * wide * dtype_size(to_type));
  auto bytes = std::span(reinterpret_cast<const uint8_t*>(from.data()), pixels * channels);
  auto words = std::span(reinterpret_cast<const uint16_t*>(from.data()), pixels * channels);
  auto* out = to.data() + begin;
  if (to_type == DType::u8) {
    spread_values(bytes, channels, reinterpret_cast<uint8_t*>(out), wide);
  } else if (from_type == DType::u8) {
    spread_values(bytes, channels, reinterpret_cast<uint16_t*>(out), wide);
  } else {
    spread_values(words, channels, reinterpret_cast<uint16_t*>(out), wide);
  }
}

}  // namespace

void PictureStack::add(const std::string& name, const Array& image) {
  std::pair size(image.shape[0], image.shape[1]);
  Seen& seen = sizes_[size];
  if (seen.count++ == 0) seen.first = name;
  if (count_ == 0) std::tie(height_, width_) = size;
  if (size != std::pair(height_, width_)) return;
  widen(image.dtype, is_grey(image) ? 1 : 3);
  ++count_;
  if (image.dtype == DType::u8) ++bytes_count_;
  append(pixels_, dtype_, channels_, image.data, image.dtype, image.shape[2]);
}

void PictureStack::widen_as(const PictureStack& other) { widen(other.dtype_, other.channels_); }

void PictureStack::widen(DType dtype, int64_t channels) {
  bool deeper = dtype_ == DType::u8 && dtype == DType::u16;
  DType to_type = deeper ? dtype : dtype_;
  int64_t to_channels = std::max(channels, channels_);
  if (!deeper && to_channels == channels_) return;
  Bytes wide;
  append(wide, to_type, to_channels, pixels_, dtype_, channels_);
  pixels_ = std::move(wide);
  dtype_ = to_type;
  channels_ = to_channels;
}

void PictureStack::check_one_size(const std::string& where) const {
  if (sizes_.size() <= 1) return;
  constexpr size_t kShown = 5;
  std::vector<std::pair<std::pair<int64_t, int64_t>, Seen>> found(sizes_.begin(), sizes_.end());
  std::stable_sort(found.begin(), found.end(),
                   [](auto& a, auto& b) { return a.second.count > b.second.count; });
  std::vector<std::string> texts;
  for (const auto& [size, seen] : found) {
    texts.push_back(
        fmt::format("{} x {} ({}, the first {})", size.first, size.second, seen.count, seen.first));
  }
  std::string more =
      texts.size() > kShown ? fmt::format(", and {} more", texts.size() - kShown) : "";
  texts.resize(std::min(texts.size(), kShown));
  fail(Code::data,
       "{}: pictures of {} sizes (height x width): {}{}\n"
       "To bring all to one size: --reader image-folder --reader.resize {},{}",
       where, found.size(), fmt::join(texts, ", "), more, found[0].first.first,
       found[0].first.second);
}

Array PictureStack::take(const std::string& where) {
  check_one_size(where);
  std::vector<int64_t> shape = {count_, height_, width_};
  if (channels_ == 3) shape.push_back(3);
  if (dtype_ == DType::u8) return {dtype_, std::move(shape), std::move(pixels_)};
  spread_ = bytes_count_;
  Array out = make_array(DType::f32, std::move(shape), where);
  auto words = reinterpret_cast<const uint16_t*>(pixels_.data());
  std::copy_n(words, out.as<float>().size(), out.as<float>().begin());
  pixels_ = {};
  return out;
}

}  // namespace elbo
