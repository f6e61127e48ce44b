#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# build-page.sh OUT.c [WORK]: compiles the files of the page into a C table for the gateway.
#
# With WORK (which holds zstd's sources) the whole page with the decoder in codec.wasm; without,
# the small page that says where to get the client. OUT.c is touched only when something changed.
set -eu
out=${1:?usage: build-page.sh OUT.c [WORK]}
work=${2:-}
web=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$web/../.." && pwd)
small=$web/small

if [ -z "$work" ]; then
	set -- "/=$small/index.html" "/vedette.css=$small/vedette.css"
else
	made=$work/page
	mkdir -p "$made"
	"$web/build-wasm.sh" "$work"
	"$web/make-constants.sh" >"$made/constants.js"
	"$web/make-catalogue.pl" "$top/po/ko.po" >"$made/ko.json"
	"$web/make-theme.pl" css "$top/themes/default/theme.ini" >"$made/theme.css"
	"$web/make-theme.pl" json "$top/themes/default/theme.ini" >"$made/theme.json"
	set -- "/=$web/page/index.html" "/monitor.html=$web/page/monitor.html" "/codec.wasm=$work/codec.wasm" \
		"/logo.svg=$top/themes/default/logo.svg" "/vedette.css=$web/page/vedette.css"
	for file in "$web"/page/*.js; do
		set -- "$@" "/${file##*/}=$file"
	done
	for file in constants.js ko.json theme.css theme.json; do
		set -- "$@" "/$file=$made/$file"
	done
fi
"$web/make-table.pl" "$out.made" "$@" "/robots.txt=$small/robots.txt"
if cmp -s "$out.made" "$out"; then
	rm "$out.made"
else
	mv "$out.made" "$out"
fi
