// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "elbo/io/array.h"

namespace elbo {

/// Pictures side by side and what they are.
struct Strip {
  std::string label;   ///< stands at the left
  std::string note{};  ///< smaller, below the label
  Array images{};      ///< u8 [N, H, W, C], C = 1 or 3
  bool apart = false;  ///< with some room above
};

struct StripOptions {
  std::string title{};
  std::vector<std::string> heads{};  ///< above the columns; empty: none
  int width = 1024;                  ///< pixels at most; a Page is a little wider
  int largest = 64;                  ///< pixels a picture is shown wide at most
};

/// Strips under each other as SVG, all N pictures of each embedded without smoothing, small ones
/// enlarged by a whole factor; light and dark by the reader's preference. For a Page or a file of
/// its own. Throws Error(Code::failure) when a strip has no pictures.
std::string picture_strips(const std::vector<Strip>& strips, const StripOptions& options = {});

}  // namespace elbo
