// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/fuzz/fuzz.h"
#include "elbo/io/image.h"

using namespace elbo;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const PictureOptions small{.max_pixels = 1 << 20};
  const PictureOptions resized{
      .height = 3, .width = 5, .alpha = Alpha::itself, .max_pixels = 1 << 16};
  for (const PictureOptions& options : {small, resized}) {
    fuzz([&] {
      Array image = parse_png(fuzz_bytes(data, size), "f", options).pixels;
      auto bytes = static_cast<size_t>(image.size()) * dtype_size(image.dtype);
      require(image.shape.size() == 3 && image.data.size() == bytes);
      require(image.shape[2] == 1 || image.shape[2] == 3);
      require(options.height == 0 || (image.shape[0] == 3 && image.shape[1] == 5));
    });
  }
  return 0;
}
