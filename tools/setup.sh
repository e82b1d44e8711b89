#!/usr/bin/env bash
# tools/setup.sh build|test|fuzz: installs what is missing and nothing else. Quick when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

packages="g++ make cmake ninja-build python3 python3-pip libfmt-dev nlohmann-json3-dev
  libtomlplusplus-dev libssl-dev zlib1g-dev libpng-dev libjpeg62-turbo-dev libgtest-dev ccache"
case "${1:-build}" in
  build) ;;
  test) packages="$packages clang-format-14" ;;
  fuzz) packages="$packages clang-14 libclang-rt-14-dev" ;;
  *) echo "usage: tools/setup.sh build|test|fuzz" >&2; exit 2 ;;
esac

missing=""
for package in $packages; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing="$missing $package"
done
# A compiler, CMake or Python that came from elsewhere serves as well.
for pair in g++:g++ make:make cmake:cmake ninja:ninja-build python3:python3; do
  command -v "${pair%%:*}" > /dev/null && missing=$(sed "s/ ${pair##*:}\b//" <<< "$missing ")
done
python3 -m pip --version > /dev/null 2>&1 && missing=$(sed "s/ python3-pip\b//" <<< "$missing ")
missing=$(xargs <<< "$missing")

if [ -n "$missing" ]; then
  if [ "$(id -u)" != 0 ]; then
    echo "Some packages are missing. Please run:" >&2
    echo "  sudo apt-get install -y $missing" >&2
    exit 1
  fi
  echo "installing $missing"
  apt-get update -qq
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing > /dev/null
fi

# LibTorch: from CMAKE_PREFIX_PATH, else the PyPI package into .deps/.
IFS=: read -ra prefixes <<< "${CMAKE_PREFIX_PATH:-}"
for prefix in "${prefixes[@]}" .deps/torch/torch; do
  if [ -e "$prefix/lib/libtorch_cpu.so" ] || [ -e "$prefix/torch/lib/libtorch_cpu.so" ]; then exit 0; fi
done
echo "installing LibTorch (the PyPI package torch 2.13.0) into .deps/"
quiet="-q --disable-pip-version-check --root-user-action=ignore"
# shellcheck disable=SC2086
python3 -m pip install $quiet --no-deps --target .deps/torch.part torch==2.13.0
# A CUDA build needs the CUDA libraries that come as packages of their own.
if ldd .deps/torch.part/torch/lib/libtorch_cpu.so | grep -q 'not found'; then
  # shellcheck disable=SC2086
  python3 -m pip install $quiet --upgrade --target .deps/torch.part torch==2.13.0
fi
rm -rf .deps/torch
mv .deps/torch.part .deps/torch
