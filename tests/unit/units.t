#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs every unit test and fuzz replay that was built with sanitizers, one TAP line each.
set -u
build=${VEDETTE_SANITIZED:-${VEDETTE_BUILD:?VEDETTE_BUILD names the build folder}}
source=${VEDETTE_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
mapfile -t programs < <(find "$build/tests/unit" "$build/tests/fuzz" -maxdepth 1 -type f -executable \
    \( -name 'test-*' -o -name 'replay-*' \) ! -name '*.so' | sort)
[ ${#programs[@]} -gt 0 ] || { echo "Bail out! nothing was built in $build/tests"; exit 1; }
echo "1..${#programs[@]}"
number=0
failed=0
for program in "${programs[@]}"; do
    number=$((number + 1))
    name=$(basename "$program")
    arguments=()
    case $name in
    replay-*)
        arguments=("$source/tests/fuzz/corpus/${name#replay-}")
        export G_TEST_SRCDIR=$source/tests/fuzz
        ;;
    *) export G_TEST_SRCDIR=$source/tests/unit ;;
    esac
    if output=$(cd "$(dirname "$program")" && G_TEST_BUILDDIR=$PWD timeout 300 "$program" "${arguments[@]}" 2>&1); then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        printf '%s\n' "$output" | tail -n 60 | sed 's/^/# /'
        failed=1
    fi
done
exit $failed
