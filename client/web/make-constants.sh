#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make-constants.sh: prints a JavaScript module with the record types of messages.list.h and the
# limits of messages.h.
set -eu
wire=$(cd "$(dirname "$0")/../../protocol/wire" && pwd)
awk '
BEGIN {
	print "// SPDX-License-Identifier: Apache-2.0"
	print "// Made by make-constants.sh from messages.list.h, messages.h, record.h and error.h."
}
FILENAME ~ /messages\.list\.h$/ && /^VDP_MESSAGE\(/ {
	sub(/^VDP_MESSAGE\(/, "")
	sub(/\).*/, "")
	gsub(/ /, "")
	split($0, f, ",")
	messages = messages sprintf("  { type: %s, name: \"%s\", direction: \"%s\", state: \"%s\", " \
		"channel: CHANNEL.%s, maxBody: %s },\n", f[3], f[2], f[4], f[5], substr(f[6], 13), f[7])
	types = types sprintf("  %s: %s,\n", f[1], f[3])
}
FILENAME ~ /record\.h$/ && /^    VDP_CHANNEL_[A-Z]+ = [0-9]+,/ {
	channels = channels sprintf("  %s: %s,\n", substr($1, 13), substr($3, 1, length($3) - 1))
}
FILENAME ~ /error\.h$/ && /^    VDP_ERR_[A-Z_]+ = -[0-9]+,/ {
	errors = errors sprintf("  %s: %s,\n", substr($1, 9), substr($3, 1, length($3) - 1))
}
FILENAME ~ /messages\.h$/ && /^#define VDP_[A-Z_]+ +(0x)?[0-9a-f]+u?( |$)/ {
	value = $3
	sub(/u$/, "", value)
	limits = limits sprintf("export const %s = %s;\n", substr($2, 5), value)
}
END {
	printf "export const CHANNEL = {\n%s};\n", channels
	printf "export const MESSAGES = [\n%s];\n", messages
	printf "export const TYPE = {\n%s};\n", types
	printf "export const ERROR = {\n%s};\n", errors
	printf "%s", limits
	print "export const FRAME_KEY = 0x01;"
	print "export const FRAME_SETTLED = 0x02;"
}' "$wire/messages.list.h" "$wire/messages.h" "$wire/record.h" "$wire/error.h"
