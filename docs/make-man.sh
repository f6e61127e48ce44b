#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make-man.sh SECTION PROGRAM [VERB...]: writes the program's man page to standard output. All of it comes from the
# program's own option table, so that page, --help and parser cannot differ. Each VERB has options of its own.
set -eu
section=${1:?usage: make-man.sh SECTION PROGRAM [VERB...]}
program=${2:?usage: make-man.sh SECTION PROGRAM [VERB...]}
shift 2
name=$(basename "$program")
# The pages are written at build time, also by programs that carry sanitizers.
ASAN_OPTIONS=detect_leaks=0
export ASAN_OPTIONS

escape() {
	sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^\\([.']\\)/\\\\\\&\\1/"
}

# --help is: usage, summary (its first line is a sentence), an empty line, "Options:" and the table.
help=$("$program" --help)
usage=$(printf '%s\n' "$help" | sed -n '1s/^Usage: [^ ]* *//p' | escape)
summary=$(printf '%s\n' "$help" | sed -n '2s/\.$//p' | escape)
details=$(printf '%s\n' "$help" | sed -n -e '/^Options:$/q' -e '3,$p' | escape)

printf '.TH %s %s\n' "$(echo "$name" | tr '[:lower:]' '[:upper:]' | escape)" "$section"
printf '.SH NAME\n%s \\- %s\n' "$(echo "$name" | escape)" "$summary"
printf '.SH SYNOPSIS\n\\fB%s\\fR %s\n' "$(echo "$name" | escape)" "$usage"
if [ -n "$(printf '%s' "$details" | tr -d '[:space:]')" ]; then
	printf '.SH DESCRIPTION\n.nf\n%s\n.fi\n' "$details"
fi
printf '.SH OPTIONS\n'
"$program" --print-options
for verb in "$@"; do
	printf '.SH OPTIONS OF %s\n' "$(echo "$verb" | tr '[:lower:]' '[:upper:]')"
	"$program" "$verb" --print-options
done
printf '.SH SEE ALSO\n\\fBvedettectl\\fR(8), \\fBvedette\\fR(1)\n'
