#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The codec compiles for wasm32 from the native decoder's files and gives the same pixels, bit for
# bit. Skipped only when zstd's sources cannot be fetched, that is, without a network.
set -u
source=${VEDETTE_SOURCE:-$(cd "$(dirname "$0")/.." && pwd)}
build=${VEDETTE_BUILD:?VEDETTE_BUILD names the build folder}
work=$build/tests/wasm
mkdir -p "$work"

for program in node clang-14 wasm-ld-14; do
    if ! command -v "$program" >/dev/null; then
        echo "Bail out! $program is not installed (packages nodejs, clang-14, lld-14)"
        exit 1
    fi
done
"$source/client/web/build-wasm.sh" "$work" >"$work/build.log" 2>&1
result=$?
if [ "$result" -eq 77 ]; then
    echo "1..0 # SKIP $(head -n 1 "$work/build.log")"
    exit 0
fi
if [ "$result" -ne 0 ]; then
    sed 's/^/# /' "$work/build.log"
    echo "Bail out! the codec does not compile for wasm32"
    exit 1
fi
if ! "$source/client/web/make-constants.sh" >"$work/constants.mjs"; then
    echo "Bail out! make-constants.sh failed"
    exit 1
fi
node "$source/tests/wasm-codec.mjs" "$work/codec.wasm" "$work/constants.mjs" "$source/tests/vectors/codec"
