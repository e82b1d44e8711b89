// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/io/array.h"
#include "elbo/io/value_range.h"
#include "elbo/tensor/torch.h"

namespace elbo {

/// Images in units of the data, [.., C, H, W] from range.lo (black) to range.hi (white), as
/// pictures u8 [N, H, W, C]: rounded, and what lies outside brought to the nearest end. Colour of
/// two or more than three channels is shown as grey, their mean. Pictures larger than `largest`
/// pixels are made smaller.
Array to_pictures(const Tensor& x, const ValueRange& range, int64_t largest = 128);

/// How many pictures of this width a strip of the report holds, each enlarged by the whole factor
/// that fits.
int64_t strip_columns(int64_t picture_width);

/// As many columns of pictures of this width as fill half a page of the report, at most n.
int64_t grid_columns(int64_t picture_width, int64_t n);

/// to_pictures laid out in a grid u8 [H', W', C], by default of grid_columns; each pixel is shown
/// `scale` times as wide and high.
Array picture_grid(const Tensor& x, const ValueRange& range, int64_t columns = 0,
                   int64_t scale = 1);

/// A grid in which each row of `above` has the same row of `below` under it. Both [N, C, H, W].
Array paired_grid(const Tensor& above, const Tensor& below, const ValueRange& range,
                  int64_t columns, int64_t scale = 1);

/// The factor by which small pictures are enlarged in files made to be looked at.
int64_t viewing_scale(const Tensor& x);

}  // namespace elbo
