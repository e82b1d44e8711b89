#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tools/fuzz.sh [SECONDS]: builds the asan preset, runs the torch-free unit tests under ASan and
# UBSan, then each fuzzer for SECONDS (default 10) from its seeds in tests/fuzz.
# What a fuzzer finds stands in build/asan/found/<parser>/; its name is printed.
set -eu
seconds=${1:-10}
cd "$(dirname "$0")/.."
cmake --preset asan >/dev/null
cmake --build --preset asan -- -j"${JOBS:-2}"
ctest --test-dir build/asan --output-on-failure
for source in elbo/*/fuzz/fuzz_*.cpp; do
  program=$(basename "$source" .cpp)
  parser=${program#fuzz_}
  found=build/asan/found/$parser
  mkdir -p "$found"
  echo "fuzz $parser for $seconds s"
  "build/asan/fuzz/$program" -max_total_time="$seconds" -rss_limit_mb=2048 -max_len=65536 \
    -timeout=10 -print_funcs=0 -verbosity=0 -artifact_prefix="$found/found-" \
    "$found" "tests/fuzz/$parser"
done
echo "no fault found"
