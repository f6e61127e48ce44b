#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Where the page asks for its monitors, in node.
source=${VEDETTE_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
if ! command -v node >/dev/null; then
    echo "Bail out! node is not installed (package nodejs)"
    exit 1
fi
echo '{"type": "module"}' >"$work/package.json"
cp "$source/client/web/page/arrange.js" "$source/tests/web/arrange.mjs" "$work/" &&
    "$source/client/web/make-constants.sh" >"$work/constants.js" || exit 1
node "$work/arrange.mjs"
