#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tools/check_isa_symbols.sh NM ISA OBJECT..: the inline functions (weak symbols) that the objects of
# one instruction set hold are all of its own namespace. Of others the linker keeps any one copy,
# which may be one that only some machines can run.
set -euo pipefail
nm=$1 isa=$2
shift 2
[ $# -gt 0 ] || { echo "no objects" >&2; exit 1; }
"$nm" -C --defined-only "$@" | awk -v own="elbo::$isa::" '
  / W / && index($0, own) == 0 { print; bad = 1 }
  END { exit bad }' || { echo "$isa: inline functions outside elbo::$isa (see elbo_isa_sources)" >&2; exit 1; }
echo "$isa: $# objects hold inline functions of their own namespace only"
