// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/pictures.h"

#include <algorithm>
#include <cmath>

#include "elbo/io/image.h"
#include "elbo/tensor/convert.h"

namespace elbo {
namespace {

constexpr uint8_t kGapColour = 128;  // tells black from black and white from white
constexpr int64_t kPage = 1024, kHalfPage = 492, kLabels = 110;
constexpr int64_t kShown = 64;  // pixels a picture is shown wide at most

Array made_smaller(const Array& pictures, int64_t largest) {
  int64_t h = pictures.shape[1], w = pictures.shape[2], c = pictures.shape[3];
  double factor = static_cast<double>(largest) / static_cast<double>(std::max(h, w));
  if (factor >= 1) return pictures;
  auto shrunk = [&](int64_t n) {
    return std::max<int64_t>(1, std::llround(static_cast<double>(n) * factor));
  };
  Array out = make_array(DType::u8, {pictures.rows(), shrunk(h), shrunk(w), c});
  auto to = out.data.begin();
  for (int64_t i = 0; i < pictures.rows(); ++i) {
    Array one = make_array(DType::u8, {h, w, c});
    std::copy_n(pictures.data.begin() + i * one.size(), one.size(), one.data.begin());
    Array small = resize_image(one, shrunk(h), shrunk(w));
    to = std::copy(small.data.begin(), small.data.end(), to);
  }
  return out;
}

}  // namespace

Array to_pictures(const Tensor& x, const ValueRange& range, int64_t largest) {
  Tensor flat = x.reshape({-1, x.size(-3), x.size(-2), x.size(-1)});
  if (flat.size(1) != 1 && flat.size(1) != 3) flat = flat.mean(1, true);
  if (range != ValueRange{}) flat = (flat - range.lo) * (255 / (range.hi - range.lo));
  Tensor bytes = flat.nan_to_num(0).round().clamp(0, 255).to(at::kByte).permute({0, 2, 3, 1});
  return made_smaller(to_array(bytes), largest);
}

int64_t strip_columns(int64_t picture_width) {
  int64_t width = std::min(picture_width, kShown);
  int64_t shown = width * (kShown / width);
  return std::min<int64_t>(15, (kPage - kLabels) / (shown + 3));
}

int64_t grid_columns(int64_t picture_width, int64_t n) {
  int64_t scale = std::max<int64_t>(1, kShown / picture_width);
  int64_t fit = (kHalfPage / scale + 1) / (picture_width + 1);
  return std::clamp<int64_t>(fit, 1, std::max<int64_t>(n, 1));
}

Array picture_grid(const Tensor& x, const ValueRange& range, int64_t columns, int64_t scale) {
  Array pictures = to_pictures(x, range);
  if (columns <= 0) columns = grid_columns(pictures.shape[2], pictures.rows());
  return image_grid(pictures, columns, 1, scale, kGapColour);
}

Array paired_grid(const Tensor& above, const Tensor& below, const ValueRange& range,
                  int64_t columns, int64_t scale) {
  const double gap = range.lo + (range.hi - range.lo) * kGapColour / 255;
  columns = std::min(columns, above.size(0));
  std::vector<Tensor> rows;
  for (int64_t first = 0; first < above.size(0); first += columns) {
    int64_t n = std::min(columns, above.size(0) - first);
    std::vector<int64_t> rest = above.sizes().vec();
    rest[0] = columns - n;
    for (const Tensor& x : {above, below}) {
      rows.push_back(at::cat({x.narrow(0, first, n), at::full(rest, gap, x.options())}));
    }
  }
  return picture_grid(at::cat(rows), range, columns, scale);
}

int64_t viewing_scale(const Tensor& x) { return std::max<int64_t>(1, 56 / x.size(-1)); }

}  // namespace elbo
