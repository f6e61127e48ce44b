#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run-all.sh SECONDS [BUILD_DIR]: runs every fuzzer that is built (./configure --enable-fuzzers
# CC=clang-14) for SECONDS on a copy of its corpus. Findings stay in BUILD_DIR/findings; exits
# with 1 when there is one and with 2 when no fuzzer is built.
set -u
seconds=${1:?usage: run-all.sh SECONDS [BUILD_DIR]}
build=${2:-.}
source=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
mkdir -p "$build/findings" || exit 2

ran=0
failed=0
for fuzzer in "$build"/fuzz-*; do
	if [ ! -f "$fuzzer" ] || [ ! -x "$fuzzer" ]; then
		continue
	fi
	name=${fuzzer##*/fuzz-}
	corpus=$work/$name
	mkdir -p "$corpus"
	cp "$source/corpus/$name/"* "$corpus/" || exit 2
	ran=$((ran + 1))
	if "$fuzzer" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=65536 \
		-print_final_stats=1 -artifact_prefix="$build/findings/$name-" "$corpus" \
		>"$work/$name.log" 2>&1; then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$name.log")
		echo "ok $ran - $name: $runs runs in $seconds s"
	else
		failed=$((failed + 1))
		echo "not ok $ran - $name"
		tail -40 "$work/$name.log" | sed 's/^/# /'
	fi
done
echo "1..$ran"
if [ "$ran" -eq 0 ]; then
	echo "# no fuzzer is built: ./configure --enable-fuzzers CC=clang-14" >&2
	exit 2
fi
[ "$failed" -eq 0 ]
