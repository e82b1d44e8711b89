// SPDX-License-Identifier: Apache-2.0
#include "elbo/sequential/stage.h"

#include <algorithm>

namespace elbo::sequential {
namespace {

constexpr int64_t kLeastHeight = 32;

/// Whether no member idles for more than a twelfth of the time.
bool is_balanced(int64_t turns, int64_t members) {
  return ceil_div(turns, members) * members * 12 <= turns * 13;
}

/// The rows of a block: few enough for balance, enough that packing a panel of op(B) costs little
/// beside using it.
int64_t balanced_height(int64_t rows, int64_t panels, int64_t members) {
  constexpr int64_t kMost = 512;
  int64_t height = ceil_div(rows, std::max<int64_t>(1, ceil_div(rows, kMost)));
  while (height > kLeastHeight && !is_balanced(panels * ceil_div(rows, height), members)) {
    height = ceil_div(height, 2);
  }
  return std::max<int64_t>(height, 1);
}

}  // namespace

void Signal::reserve(int64_t rows) {
  if (room >= rows) return;
  room = rows;
  int64_t size = rows * width;
  if (needs_sums(activation)) sums = Buffer(size);
  if (dropout > 0) dropped = Buffer(size), keep = Buffer(size);
  if (is_outside) return;
  values = Buffer(size);
  activated = values.data();
  value = dropout > 0 ? dropped.data() : activated;
  if (!has_gradient) return;
  gradients = Buffer(size);
  gradient = gradients.data();
}

/// In the order of LibTorch's images, channel after channel.
void Signal::draw_keep(RowNoise& noise, int64_t rows) {
  if (dropout == 0) return;
  auto rate = static_cast<float>(dropout);
  auto factor = [rate](float u) { return u >= rate ? 1 / (1 - rate) : 0; };
  ImageLayout l = image.value_or(ImageLayout{1, 1, width});
  Tensor drawn = noise.uniform(l.channels * l.height * l.width);
  const float* next = drawn.data_ptr<float>();
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < l.channels; ++c) {
      for (int64_t y = 0; y < l.height; ++y) {
        float* row = keep.data() + r * width + l.at(y, 0) + c;
        for (int64_t x = 0; x < l.width; ++x) row[x * l.channels] = factor(*next++);
      }
    }
  }
}

void Signal::activate(const float* bias, int64_t at, int64_t n) {
  float* y = activated + at;
  kernels.forward(activation, bias, y, sums.data() ? sums.data() + at : nullptr, n);
  if (dropout == 0) return;
  std::copy_n(y, n, dropped.data() + at);
  kernels.multiply(keep.data() + at, dropped.data() + at, n);
}

void Signal::finish_gradient(int64_t at, int64_t n) {
  float* d = gradient + at;
  if (dropout > 0) kernels.multiply(keep.data() + at, d, n);
  const float* before = sums.data() ? sums.data() + at : nullptr;
  kernels.backward(activation, activated + at, before, d, n);
}

Grid Grid::shared_by(int64_t rows, const Panels& panels, int64_t members) {
  return of_height(rows, panels, balanced_height(rows, panels.count(), members));
}

Grid Grid::of_height(int64_t rows, const Panels& panels, int64_t height) {
  return {panels, rows, height, ceil_div(rows, height)};
}

Grid Grid::of_packed(int64_t rows, int64_t columns, int64_t lanes, int64_t members) {
  constexpr int64_t kLeastVectors = 4, kMostRows = 128,
                    kGroup = 16;  // rows that are rounded together
  int64_t vectors = ceil_div(columns, lanes);
  for (int64_t parts = ceil_div(vectors, kMostPackedVectors);; ++parts) {
    Panels panels(columns, lanes, ceil_div(vectors, parts));
    int64_t height = std::min(kMostRows, rows);
    while (height > kLeastHeight &&
           !is_balanced(panels.count() * ceil_div(rows, height), members)) {
      height = ceil_div(height, 2);
    }
    height = std::max<int64_t>(1, ceil_div(height, kGroup)) * kGroup;
    Grid out = of_height(rows, panels, height);
    bool is_narrow = vectors < (parts + 1) * kLeastVectors;
    if (is_narrow || is_balanced(out.turns(), members)) return out;
  }
}

Block Grid::block(int64_t turn) const {
  int64_t panel = turn / row_blocks, row = turn % row_blocks * height;
  return {row, std::min(height, rows - row), panels.begin(panel), panels.width(panel)};
}

}  // namespace elbo::sequential
