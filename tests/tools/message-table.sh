#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# message-table.sh: prints the table of record types in docs/PROTOCOL.md from messages.list.h.
set -eu
list=$(cd "$(dirname "$0")/../.." && pwd)/protocol/wire/messages.list.h
echo '| number | message | from | state | channel | largest body |'
echo '|---:|---|---|---|---|---:|'
sed -n 's/^VDP_MESSAGE(\(.*\))$/\1/p' "$list" | tr -d ' ' | awk -F, '
BEGIN {
	from["C"] = "client"
	from["H"] = "host"
	from["B"] = "both ends"
	from["G"] = "an end, to the gateway"
	from["L"] = "local and host links"
}
{
	channel = tolower(substr($6, 13))
	printf "| %d | %s | %s | %s | %s | %d |\n", $3, $1, from[$4], tolower($5), channel, $7
}'
