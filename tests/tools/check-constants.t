#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The constants of the web client are the C ones: both are printed and compared.
set -u
source=${VEDETTE_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
echo "1..2"

cat >"$work/print.c" <<'EOF'
#include <stdio.h>
#include "protocol/wire/messages.h"
#define SHOW(name) printf("%s %u\n", #name, (unsigned)VDP_##name)
#define ERROR(name) printf("ERR_%s %d\n", #name, VDP_ERR_##name)
int main(void)
{
#define VDP_MESSAGE(NAME, name, number, direction, state, channel, max_body) \
    printf("%s %d %s %s %s %d %d\n", #NAME, number, #name, #direction, #state, channel, max_body);
#include "protocol/wire/messages.list.h"
    SHOW(MAGIC); SHOW(VERSION_MIN); SHOW(VERSION_MAX); SHOW(MAX_SIDE); SHOW(MAX_CURSOR); SHOW(MAX_TEXT);
    SHOW(TOKEN_SIZE); SHOW(MAX_KEY); SHOW(MAX_BUTTON); SHOW(MIN_SCALE); SHOW(MAX_SCALE);
    SHOW(FRAME_KEY); SHOW(FRAME_SETTLED);
    ERROR(NOMEM); ERROR(TOO_BIG); ERROR(TRUNCATED); ERROR(TRAILING); ERROR(RANGE); ERROR(STATE);
    ERROR(VERSION); ERROR(CRITICAL); ERROR(CORRUPT);
    return 0;
}
EOF
cat >"$work/print.mjs" <<'EOF'
import * as vdp from './constants.mjs';
for (const m of vdp.MESSAGES) {
  const key = m.name.toUpperCase();
  console.log(key, vdp.TYPE[key], m.name, m.direction, m.state, m.channel, m.maxBody);
}
for (const name of ['MAGIC', 'VERSION_MIN', 'VERSION_MAX', 'MAX_SIDE', 'MAX_CURSOR', 'MAX_TEXT', 'TOKEN_SIZE',
  'MAX_KEY', 'MAX_BUTTON', 'MIN_SCALE', 'MAX_SCALE', 'FRAME_KEY', 'FRAME_SETTLED']) {
  console.log(name, vdp[name]);
}
for (const name of Object.keys(vdp.ERROR)) {
  console.log(`ERR_${name}`, vdp.ERROR[name]);
}
EOF
if "${CC:-cc}" -std=gnu11 -I"$source" "$work/print.c" -o "$work/print" && "$work/print" >"$work/c.txt" &&
    [ "$(wc -l <"$work/c.txt")" -gt 30 ]; then
    echo "ok 1 - C prints its constants"
else
    echo "not ok 1 - C prints its constants"
fi
if "$source/client/web/make-constants.sh" >"$work/constants.mjs" && node "$work/print.mjs" >"$work/js.txt" &&
    diff "$work/c.txt" "$work/js.txt" >"$work/diff.txt"; then
    echo "ok 2 - JavaScript has the same"
else
    echo "not ok 2 - JavaScript has the same"
    sed 's/^/# /' "$work/diff.txt"
fi
