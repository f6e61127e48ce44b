#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every header compiles alone: it includes what it needs.
set -u
source=${VEDETTE_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${VEDETTE_BUILD:?VEDETTE_BUILD names the build folder}
cd "$source" || exit 1

modules=(glib-2.0 gio-2.0 gio-unix-2.0 jansson libwebsockets openssl sqlite3 libzstd libcurl libpng gtk4
    spice-client-glib-2.0 xcb gstreamer-1.0)
present=()
for module in "${modules[@]}"; do
    if pkg-config --exists "$module"; then
        present+=("$module")
    fi
done
read -r -a flags <<<"$(pkg-config --cflags "${present[@]}")"

# messages.list.h is data for a macro of the includer, by design not a header of its own.
mapfile -t headers < <(find protocol broker hostd client tests -name '*.h' ! -name '*.list.h' | sort)
if [ ${#headers[@]} -lt 10 ]; then
    echo "Bail out! found only ${#headers[@]} headers in $source"
    exit 1
fi
echo "1..$((${#headers[@]} + 1))"
number=0
failed=0

compile_alone() {
    printf '#include "%s"\n' "$1" |
        "${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -Wall -Werror -fsyntax-only -I"$source" -I"$build" \
            -include "$build/config.h" "${flags[@]}" -x c - 2>&1
}

# A header that needs another one must be seen to fail.
number=$((number + 1))
planted=$(mktemp) || exit 1
trap 'rm -f "$planted"' EXIT
echo 'struct planted { vdp_unknown size; };' >"$planted"
if compile_alone "$planted" >/dev/null || ! { : >"$planted" && compile_alone "$planted" >/dev/null; }; then
    echo "not ok $number - a header that is not whole is noticed"
    failed=1
else
    echo "ok $number - a header that is not whole is noticed"
fi
for header in "${headers[@]}"; do
    number=$((number + 1))
    if output=$(compile_alone "$header"); then
        echo "ok $number - $header"
    else
        echo "not ok $number - $header"
        printf '%s\n' "$output" | head -n 10 | sed 's/^/# /'
        failed=1
    fi
done
exit $failed
