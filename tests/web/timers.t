#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The page's timers with several windows, in node.
source=${VEDETTE_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
if ! command -v node >/dev/null; then
    echo "Bail out! node is not installed (package nodejs)"
    exit 1
fi
echo '{"type": "module"}' >"$work/package.json"
cp "$source/client/web/page/timers.js" "$source/tests/web/timers.mjs" "$work/" || exit 1
node "$work/timers.mjs"
