// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/fuzz/fuzz.h"
#include "elbo/io/npy.h"
#include "elbo/io/raw.h"
#include "elbo/io/readers.h"

using namespace elbo;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto bytes = fuzz_bytes(data, size);
  fuzz([&] {
    Array array = parse_npy(bytes, "f");
    Array again = parse_npy(encode_npy(array), "f");
    require(again.shape == array.shape && again.data == array.data);
    RawData out;
    out.kind = fill_examples(out.train, std::move(array), "f", (size & 1) != 0);
    suggest_images(out);
    fuzz([&] { learn_range(out, {}, "f"); });
    require(out.range.lo < out.range.hi);
    fill_labels(out, {std::move(again), "f"});
  });
  fuzz([&] { parse_npy_texts(bytes, "f"); });
  fuzz([&] {
    CsvOptions options;
    options.delimiter = ",";
    options.header = "yes";
    read_csv_data(npy_records_as_csv(bytes, "f"), "f", options, {});
  });
  return 0;
}
