#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every program has a man page, and every option of --help is in it.
set -u
build=${VEDETTE_BUILD:?VEDETTE_BUILD names the build folder}
pages=(vedette.1:client/native vedettectl.8:broker/ctl vedette-broker.8:broker vedette-gateway.8:broker/gateway
    vedette-hostd.8:hostd vedette-image.8:hostd/image vedette-launch.8:protocol/launch vedette-pam.8:broker/pam
    vedette-streamer.8:hostd/streamer)
failed=0
echo "1..$((${#pages[@]} + 1))"

# options PROGRAM [VERB]: the names in its --help, one a line
options() {
    "$@" --help | sed -n 's/^  --\([a-z0-9-]*\).*/\1/p' | grep -vxE 'help|version'
}

number=0
for entry in "${pages[@]}"; do
    page=${entry%%:*}
    program=$build/${entry#*:}/${page%.*}
    number=$((number + 1))
    missing=
    wanted=$(options "$program")
    [ "$page" != vedettectl.8 ] || wanted="$wanted $(options "$program" up)"
    for option in $wanted; do
        grep -qF "\\-\\-${option//-/\\-}\\fR" "$build/docs/man/$page" || missing="$missing --$option"
    done
    if [ -n "$wanted" ] && [ -z "$missing" ]; then
        echo "ok $number - $page has the $(wc -w <<<"$wanted") options of ${page%.*}"
    else
        echo "not ok $number - $page lacks:${missing:- the page}"
        failed=1
    fi
done
# vedette-patch is a recipe, which vedette-image(8) runs: nobody else does.
programs=$(find "$build" -maxdepth 3 -type f -perm -u+x \( -name 'vedette-*' -o -name 'vedettectl' -o -name 'vedette' \) \
    -not -name vedette-patch -not -path '*/guest/*' -not -path '*/tests/*' -printf '%f\n' | sort)
paged=$(for entry in "${pages[@]}"; do page=${entry%%:*}; echo "${page%.*}"; done | sort)
if [ "$programs" = "$paged" ]; then
    echo "ok $((number + 1)) - no program is without a page"
else
    echo "not ok $((number + 1)) - programs and pages differ"
    diff <(echo "$programs") <(echo "$paged") | sed 's/^/# /'
    failed=1
fi
exit $failed
