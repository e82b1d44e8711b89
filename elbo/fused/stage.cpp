// SPDX-License-Identifier: Apache-2.0
#include "elbo/fused/stage.h"

#include <algorithm>

namespace elbo::fused {
namespace {

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// The rows of a block: few enough that no member idles for more than a twelfth of the time, enough
/// that packing a panel of op(B) costs little beside using it.
int64_t balanced_height(int64_t rows, int64_t panels, int members) {
  constexpr int64_t kMost = 256, kLeast = 32;
  int64_t height = std::min(rows, kMost);
  while (height > kLeast) {
    int64_t turns = panels * ceil_div(rows, height);
    if (ceil_div(turns, members) * members * 12 <= turns * 13) break;
    height = ceil_div(height, 2);
  }
  return std::max<int64_t>(height, 1);
}

}  // namespace

void Signal::reserve(int64_t rows) {
  int64_t size = rows * width;
  if (activated.size() >= size) return;
  activated = Buffer(size);
  if (needs_sums(activation)) sums = Buffer(size);
  if (dropout > 0) {
    dropped = Buffer(size);
    keep = Buffer(size);
  }
  if (has_gradient) gradient = Buffer(size);
  value = dropout > 0 ? dropped.data() : activated.data();
}

Grid::Grid(int64_t r, int64_t columns, int64_t lanes, int members)
    : Grid(r, columns, lanes, balanced_height(r, Panels(columns, lanes).count(), members)) {}

Grid::Grid(int64_t r, int64_t columns, int64_t lanes, int64_t h)
    : panels(columns, lanes), rows(r), height(h), row_blocks(ceil_div(r, h)) {}

Block Grid::block(int64_t turn) const {
  int64_t panel = turn / row_blocks, row = turn % row_blocks * height;
  return {row, std::min(height, rows - row), panels.begin(panel), panels.width(panel)};
}

}  // namespace elbo::fused
