#!/usr/bin/env bash
# Every C++ file is laid out as .clang-format says and begins with its SPDX line.
set -euo pipefail
cd "$(dirname "$0")/.."
files=$(git ls-files '*.h' '*.cpp')
# shellcheck disable=SC2086
clang-format-14 --dry-run -Werror $files
for file in $files; do
  [ "$(head -n 1 "$file")" = "// SPDX-License-Identifier: Apache-2.0" ] || { echo "$file: no SPDX line" >&2; exit 1; }
done
echo "format: $(wc -w <<< "$files") files as they should be"
