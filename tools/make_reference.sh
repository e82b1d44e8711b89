#!/usr/bin/env bash
# tools/make_reference.sh path/to/elbo: prints docs/reference.md from the program's own listings.
set -euo pipefail
elbo=$1
echo "# Reference"
echo
echo "Made by \`tools/make_reference.sh\` from the listings in the code; a test keeps it true."
for topic in $("$elbo" list --json | python3 -c 'import json, sys; print(*json.load(sys.stdin))') options; do
  printf '\n## %s\n\n```\n' "$topic"
  "$elbo" list "$topic"
  printf '```\n'
done
printf '\n## presets\n\n```\n'
"$elbo" presets
printf '```\n'
