// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "elbo/io/fuzz/fuzz.h"
#include "elbo/io/gzip.h"
#include "elbo/io/idx.h"
#include "elbo/io/raw.h"

using namespace elbo;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto bytes = fuzz_bytes(data, size);
  fuzz([&] {
    content_head(bytes);
    Bytes content =
        is_gzip(bytes) ? gunzip(bytes, "f", 1 << 24) : Bytes(bytes.begin(), bytes.end());
    Array array = parse_idx(content, "f");
    require(encode_idx(array) == content);
    RawData out;
    out.kind = fill_examples(out.train, std::move(array), "f", (size & 1) != 0);
    require(out.train.x.data.size() ==
            static_cast<size_t>(out.train.x.size()) * dtype_size(out.train.x.dtype));
  });
  return 0;
}
