// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>

#include "elbo/io/array_visit.h"
#include "elbo/io/file_rows.h"
#include "elbo/io/raw.h"

namespace elbo {
namespace {

bool is_channels(int64_t d) { return d == 1 || d == 3; }

/// "28x28", "32x32x3".
std::string image_text(const std::vector<int64_t>& image) {
  return fmt::format("{}", fmt::join(image, "x"));
}

int64_t product(std::span<const int64_t> sizes) {
  int64_t out = 1;
  for (int64_t d : sizes) out *= d;
  return out;
}

/// [N, C, H, W] to [N, H, W, C].
Array transposed(const Array& in) {
  auto n = static_cast<size_t>(in.shape[0]), c = static_cast<size_t>(in.shape[1]);
  auto pixels = static_cast<size_t>(in.shape[2] * in.shape[3]);
  size_t size = dtype_size(in.dtype);
  Array out{in.dtype, {in.shape[0], in.shape[2], in.shape[3], in.shape[1]}, Bytes(in.data.size())};
  for (size_t i = 0; i < n; ++i) {
    const std::byte* from = in.data.data() + i * c * pixels * size;
    std::byte* to = out.data.data() + i * c * pixels * size;
    for (size_t channel = 0; channel < c; ++channel) {
      for (size_t p = 0; p < pixels; ++p) {
        std::memcpy(to + (p * c + channel) * size, from + (channel * pixels + p) * size, size);
      }
    }
  }
  return out;
}

}  // namespace

void shape_examples(std::vector<int64_t>& shape, const ReadRequest& request,
                    std::string_view where) {
  if (shape.empty() || shape[0] == 0) return;
  const std::vector<int64_t>& image = request.image;
  std::vector<int64_t> event(shape.begin() + 1, shape.end());
  if (image.empty()) {
    if (request.as_table) shape = {shape[0], product(event)};
    return;
  }
  bool is_planar = image.size() == 3 && !is_channels(image[2]);
  int64_t h = image[is_planar ? 1 : 0], w = image[is_planar ? 2 : 1];
  int64_t c = image.size() < 3 ? 1 : image[is_planar ? 0 : 2];
  ELBO_CHECK(product(event) == product(image), Code::usage,
             "{}: examples of {} numbers cannot be images of {}, which have {}", where,
             product(event), image_text(image), product(image));
  using Shape = std::vector<int64_t>;
  if (event == Shape{h, w, c} || (event == Shape{c, h, w} && event.size() == 3)) return;
  shape = is_planar ? Shape{shape[0], c, h, w} : Shape{shape[0], h, w, c};
}

bool is_image(DType dtype, std::span<const int64_t> shape) {
  if (shape.size() == 4) return is_channels(shape[3]) || is_channels(shape[1]);
  if (shape.size() != 3) return false;
  auto [small, large] = std::minmax(shape[1], shape[2]);
  return dtype == DType::u8 || (small >= 8 && large <= 4 * small);
}

Array channels_last(Array array) {
  if (array.shape.size() == 4 && !is_channels(array.shape[3])) {
    if (array.shape[1] == 1) {
      array.shape.erase(array.shape.begin() + 1);
    } else {
      array = transposed(array);
    }
  }
  if (array.shape.size() == 4 && array.shape[3] == 1) array.shape.pop_back();
  return array;
}

void note_shape(DType dtype, const std::vector<int64_t>& shape, std::vector<std::string>& notes) {
  if (shape.size() <= 2 || shape[0] == 0) return;
  std::string array = fmt::format("{} {}", dtype_name(dtype), shape_text(shape));
  std::span event(shape.data() + 1, shape.size() - 1);
  if (!is_image(dtype, shape)) {
    std::string remedy = shape.size() == 3
                             ? fmt::format("if they are images: --image {}x{}", shape[1], shape[2])
                             : "images are [N, H, W], [N, H, W, 3] or [N, 3, H, W]";
    notes.push_back(fmt::format("{} is read as {} columns; {}", array, product(event), remedy));
  } else if (dtype != DType::u8) {
    notes.push_back(fmt::format("{} is read as images; if they are none: --image none", array));
  }
}

void ValueSpan::add(const Array& x, const Array& mask) {
  auto present = mask.as<uint8_t>();
  if (x.dtype == DType::u8) {
    auto values = x.as<uint8_t>();
    constexpr size_t kBlock = 1 << 16;
    for (size_t begin = 0; begin < values.size(); begin += kBlock) {
      if (min == 0 && max == 255) return;  // no byte can widen it
      auto block = values.subspan(begin, std::min(kBlock, values.size() - begin));
      auto [low, high] = std::minmax_element(block.begin(), block.end());
      min = std::min<double>(min, *low);
      max = std::max<double>(max, *high);
    }
    return;
  }
  visit_elements(x, [&](auto values) {
    for (size_t i = 0; i < values.size(); ++i) {
      if (!present.empty() && present[i] == 0) continue;
      auto v = static_cast<double>(values[i]);
      min = std::min(min, v);
      max = std::max(max, v);
      is_whole = is_whole && v == std::floor(v);
    }
  });
}

void ValueSpan::add(const ValueSpan& other) {
  min = std::min(min, other.min);
  max = std::max(max, other.max);
  is_whole = is_whole && other.is_whole;
}

ValueSpan span_of(const RawData& data) {
  ValueSpan out;
  auto add = [&](const RawSet& set) {
    if (set.on_disk) {
      out.add(set.on_disk->span());
    } else {
      out.add(set.x, set.mask);
    }
  };
  add(data.train);
  if (data.test) add(*data.test);
  return out;
}

namespace {

/// The next of 1, 3, 7, 15, ..; 16 and 100 are full scales too (digits of 8 x 8, per cent).
double full_scale(double largest) {
  if (largest == 16 || largest == 100) return largest;
  double out = 1;
  while (out < largest) out = 2 * out + 1;
  return out;
}

ValueRange whole_range(const ValueSpan& span) {
  ValueRange out{0, span.max > 0 ? full_scale(span.max) : 0};
  if (span.min < 0) {
    out.lo = -1;
    while (out.lo > span.min) out.lo *= 2;
  }
  bool is_narrow = (span.max - span.min) * 8 < out.hi - out.lo;
  return is_narrow ? ValueRange{span.min, span.max} : out;
}

ValueRange range_for(const ValueSpan& span) {
  if (span.is_whole) return whole_range(span);
  double reach = std::max(span.max, -span.min);
  if (reach <= 1 && reach > 0.5) return {span.min < 0 ? -1.0 : 0.0, 1};
  bool from_zero = span.min >= 0 && span.min <= span.max / 2;
  return {from_zero ? 0 : span.min, span.max};
}

}  // namespace

void learn_range(RawData& data, const ReadRequest& request, std::string_view where) {
  if (data.kind != "image") return;
  ValueSpan span = span_of(data);
  if (request.range) {
    data.range = *request.range;
    if (span.min < data.range.lo || span.max > data.range.hi) {
      data.notes.push_back(
          fmt::format("pixels from {:g} to {:g} lie beyond the {:g} to {:g} of the data that the "
                      "model was trained on",
                      span.min, span.max, data.range.lo, data.range.hi));
    }
    return;
  }
  ELBO_CHECK(span.min < span.max, Code::data,
             "{}: every pixel of every picture has the same value{}: there is nothing to learn\n"
             "Are these the right files, and were they made without loss?",
             where, span.min == span.max ? fmt::format(", {:g}", span.min) : "");
  data.range = range_for(span);
  if (data.range == ValueRange{}) return;
  data.notes.push_back(
      fmt::format("pixels from {:g} to {:g}: {:g} is taken for black and {:g} for "
                  "white",
                  span.min, span.max, data.range.lo, data.range.hi));
}

void take_as_images(RawData& data, const ReadRequest& request, std::string_view where) {
  if (request.image.empty() || data.kind == "image") return;
  ValueSpan span = span_of(data);
  bool are_bytes = span.is_whole && span.min >= 0 && span.max <= 255;
  for (RawSet* set : {&data.train, data.test ? &*data.test : nullptr}) {
    if (!set) continue;
    ELBO_CHECK(!set->on_disk, Code::usage,
               "{}: a table that stays on disk cannot be taken as images\n"
               "Read it into memory: --in-memory {}",
               where, (set->x.size() * 8 >> 20) + 1);
    std::vector<int64_t> shape = set->x.shape;
    shape_examples(shape, request, where);
    set->x.shape = shape;
    set->x = channels_last(std::move(set->x));
    if (!set->mask.empty()) {
      set->mask.shape = shape;
      set->mask = channels_last(std::move(set->mask));
    }
    Array narrow = make_array(are_bytes ? DType::u8 : DType::f32, set->x.shape, where);
    visit_elements(set->x, [&](auto values) {
      for (size_t i = 0; i < values.size(); ++i) {
        if (are_bytes) narrow.as<uint8_t>()[i] = static_cast<uint8_t>(values[i]);
        if (!are_bytes) narrow.as<float>()[i] = static_cast<float>(values[i]);
      }
    });
    set->x = std::move(narrow);
  }
  data.kind = "image";
  data.column_names.clear();
  data.column_codes.clear();
  learn_range(data, request, where);
}

void suggest_images(RawData& data) {
  if (data.kind != "table" || !data.column_names.empty()) return;
  constexpr int64_t kSmallest = 8;
  int64_t columns = data.train.x.shape[1];
  for (int64_t channels : {1, 3}) {
    auto side = std::llround(std::sqrt(static_cast<double>(columns / channels)));
    if (side < kSmallest || side * side * channels != columns) continue;
    ValueSpan span = span_of(data);
    bool are_bytes = span.is_whole && span.max <= 255;
    if (span.min < 0 || !(span.max <= 1 || are_bytes)) return;
    std::string image = fmt::format("{}x{}", side, side);
    data.notes.push_back(fmt::format(
        "{} columns of values from {:g} to {:g}: if they are the pixels of {} pictures: --image {}",
        columns, span.min, span.max, image,
        channels == 1 ? image
                      : fmt::format("{}x3 (or 3x{}, where the colours come one after another)",
                                    image, image)));
    return;
  }
}

}  // namespace elbo
