// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/fuzz/fuzz.h"
#include "elbo/io/npy.h"
#include "elbo/io/readers.h"

using namespace elbo;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto bytes = fuzz_bytes(data, size);
  fuzz([&] {
    auto entries = parse_npz(bytes, "f", 1 << 24);
    auto again = parse_npz(encode_npz(entries), "f");
    require(again.size() == entries.size());
  });
  fuzz([&] { read_npz_data(bytes, "f", {}, {}, 1 << 24); });
  return 0;
}
