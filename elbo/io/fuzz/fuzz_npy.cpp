// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/fuzz/fuzz.h"
#include "elbo/io/npy.h"
#include "elbo/io/raw.h"

using namespace elbo;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz([&] {
    Array array = parse_npy(fuzz_bytes(data, size), "f");
    Array again = parse_npy(encode_npy(array), "f");
    require(again.shape == array.shape && again.data == array.data);
    RawSet set;
    fill_examples(set, std::move(array), "f", (size & 1) != 0);
    RawData out;
    out.train = std::move(set);
    fill_labels(out, {std::move(again), "f"});
  });
  return 0;
}
