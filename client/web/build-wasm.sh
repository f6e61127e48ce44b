#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# build-wasm.sh DIR: compiles the tile decoder to DIR/codec.wasm from the native decoder's files.
# zstd's sources are in DIR/zstd afterwards; exits with 77 when they cannot be had.
set -eu
dir=${1:?usage: build-wasm.sh DIR}
top=$(cd "$(dirname "$0")/../.." && pwd)
"$top/client/web/fetch-zstd.sh" "$dir"
zstd=$dir/zstd/lib
# The digest's header alone: the rest of the system's headers is not for wasm32.
mkdir -p "$dir/xxhash"
cp "$(pkg-config --variable=includedir libxxhash)/xxhash.h" "$dir/xxhash/"

# Nothing to do when it was made from these very sources.
sum=$(cat "$top"/protocol/wire/*.[ch] "$top"/protocol/codec/*.[ch] "$top"/client/web/codec-wasm.c "$0" \
	"$zstd/zstd.h" | cksum)
if [ -f "$dir/codec.wasm" ] && [ "$sum" = "$(cat "$dir/codec.sum" 2>/dev/null)" ]; then
	exit 0
fi

# Only the decompressor; no assembler, no legacy formats, no tracing.
set -- "$zstd"/common/entropy_common.c "$zstd"/common/error_private.c \
	"$zstd"/common/fse_decompress.c "$zstd"/common/xxhash.c "$zstd"/common/zstd_common.c \
	"$zstd"/decompress/huf_decompress.c "$zstd"/decompress/zstd_ddict.c \
	"$zstd"/decompress/zstd_decompress.c "$zstd"/decompress/zstd_decompress_block.c \
	"$top"/protocol/wire/reader.c "$top"/protocol/codec/cache.c "$top"/protocol/codec/copy-apply.c \
	"$top"/protocol/codec/decoder.c "$top"/protocol/codec/digest.c \
	"$top"/protocol/codec/jpeg-check.c "$top"/protocol/codec/mix.c "$top"/protocol/codec/pixels-avx2.c \
	"$top"/protocol/codec/pixels-simd128.c "$top"/protocol/codec/pixels.c "$top"/protocol/codec/predict.c "$top"/protocol/codec/tiles.c \
	"$top"/protocol/codec/video-op.c "$top"/protocol/codec/video-check.c "$top"/protocol/codec/yuv.c \
	"$top"/client/web/codec-wasm.c

${WASM_CC:-clang-14} --target=wasm32-wasi -mexec-model=reactor -std=gnu11 -O3 -flto -DNDEBUG \
	-msimd128 -mbulk-memory \
	-DZSTD_DISABLE_ASM=1 -DZSTD_LEGACY_SUPPORT=0 -DZSTD_TRACE=0 -I"$dir/xxhash" -I"$zstd" -I"$top" \
	-Wl,--max-memory=536870912 -Wl,--strip-all "$@" -o "$dir/codec.wasm.new"
mv "$dir/codec.wasm.new" "$dir/codec.wasm"
echo "$sum" >"$dir/codec.sum"
