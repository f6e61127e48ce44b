# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# steps: shows what a long script is doing. step TITLE COMMAND... runs the command with its output in
# a log in the folder steps_log; on a terminal the line counts seconds, elsewhere a line is printed at
# start and end.
steps_count=0

# Where the logs go from now on; the ones of the last time are overwritten.
steps_begin() {
    steps_log=$1
    mkdir -p "$steps_log"
}

# Shows the last word of the log beside the clock until process $1 has ended.
steps_watch() {
    local pid=$1 title=$2 log=$3 started=$4 line
    while kill -0 "$pid" 2>/dev/null; do
        line=$(tail -n 1 "$log" 2>/dev/null | tr -dc '[:print:]' | cut -c1-48)
        printf '\r\033[K  %s … %d s  \033[2m%s\033[0m' "$title" $((SECONDS - started)) "$line"
        sleep 0.3
    done
    printf '\r\033[K'
}

step() {
    local title=$1 started=$SECONDS log pid status=0
    shift
    steps_count=$((steps_count + 1))
    log=$steps_log/$steps_count.log
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    if [ -t 1 ]; then
        steps_watch "$pid" "$title" "$log" "$started"
    else
        printf '  %s …\n' "$title"
    fi
    wait "$pid" || status=$?
    if [ "$status" -ne 0 ]; then
        printf '✗ %s failed after %d s. The end of %s:\n\n' "$title" $((SECONDS - started)) "$log" >&2
        tail -n 40 "$log" >&2
        return "$status"
    fi
    printf '✓ %s (%d s)\n' "$title" $((SECONDS - started))
}
