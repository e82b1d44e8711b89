#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tools/check_isa_symbols.sh NM ISA OBJECT..: whatever the objects of one instruction set share with
# others by name (weak symbols) is in its own namespace. Of such symbols the linker keeps one, and
# that must not be code that only some machines can run.
set -euo pipefail
nm=$1 isa=$2
shift 2
[ $# -gt 0 ] || { echo "no objects" >&2; exit 1; }
"$nm" -C --defined-only "$@" | awk -v own="elbo::$isa::" '
  / [VWu] / && !/::__asan|DW\.ref/ && index($0, own) == 0 { print; bad = 1 }
  END { exit bad }' || { echo "$isa: weak symbols outside elbo::$isa (see elbo_isa_sources)" >&2; exit 1; }
echo "$isa: $# objects define no weak symbol outside their namespace"
