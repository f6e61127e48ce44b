#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The page's parser of records and its tables of keys, in node.
source=${VEDETTE_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
if ! command -v node >/dev/null; then
    echo "Bail out! node is not installed (package nodejs)"
    exit 1
fi
echo '{"type": "module"}' >"$work/package.json"
cp "$source/client/web/page/records.js" "$source/client/web/page/keys.js" "$source/tests/web/records.mjs" "$work/" &&
    "$source/client/web/make-constants.sh" >"$work/constants.js" || exit 1
node "$work/records.mjs" "$source/tests/fuzz/corpus/record"
