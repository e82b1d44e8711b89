// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/fuzz/fuzz.h"
#include "elbo/io/image.h"

using namespace elbo;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz([&] {
    Array image = parse_jpeg(fuzz_bytes(data, size), "f", 1 << 20);
    require(image.shape.size() == 3 && static_cast<int64_t>(image.data.size()) == image.size());
    require(image.shape[2] == 1 || image.shape[2] == 3);
  });
  return 0;
}
