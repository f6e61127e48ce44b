#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# ./autogen.sh            makes ./configure
# ./autogen.sh --run      installs what is missing, builds, makes an image, starts everything
# ./autogen.sh --check    installs what is missing, builds, runs every test
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=tests/tools/steps.sh
source tests/tools/steps.sh

usage() {
    cat <<'EOF'
usage: ./autogen.sh [--run [--once] [--state DIR] [--port N]] [--check] [--deps]

  (nothing)     make ./configure from configure.ac
  --run         install what is missing, build, make a desktop image, start Vedette on this machine
  --once        with --run: log in once without a display, save a screenshot, print the timings, stop
  --state DIR   with --run: where everything is kept (default /var/lib/vedette, or VEDETTE_STATE)
  --port N      with --run: the gateway's port (default 8443)
  --check       install what is missing, build with sanitizers, run every test
  --deps        install what is missing, nothing else
EOF
}

bootstrap() {
    autoreconf --install --force
}

# Prints the packages of the given kinds (build, run, test) that are not installed yet.
missing_packages() {
    local kind name
    while read -r kind name; do
        case " $* " in
        *" $kind "*) ;;
        *) continue ;;
        esac
        if ! dpkg-query -W -f '${db:Status-Abbrev}' "$name" 2>/dev/null | grep -q '^.i'; then
            echo "$name"
        fi
    done <autogen.packages
}

install_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    if [ ${#missing[@]} -eq 0 ]; then
        return 0
    fi
    if [ "$(id -u)" -ne 0 ]; then
        echo "These packages are missing and only root can install them:" >&2
        echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
        return 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update
    apt-get install -y --no-install-recommends "${missing[@]}"
}

# configure_in DIR [OPTION...]: configures once, and again when an option changes.
configure_in() {
    local dir=$1
    shift
    mkdir -p "$dir"
    if [ ! -x configure ] || [ configure.ac -nt configure ]; then
        bootstrap
    fi
    if [ ! -e "$dir/Makefile" ] || [ "$(cat "$dir/.options" 2>/dev/null)" != "$*" ]; then
        (cd "$dir" && "$OLDPWD/configure" "$@")
        echo "$*" >"$dir/.options"
    fi
}

build_in() {
    local dir=$1
    shift
    make -C "$dir" -j"$(nproc)" "$@"
}

mode=bootstrap
once=
state=${VEDETTE_STATE:-/var/lib/vedette}
port=8443
while [ $# -gt 0 ]; do
    case $1 in
    --run) mode=run ;;
    --check) mode=check ;;
    --deps) mode=deps ;;
    --once) once=yes ;;
    --state)
        state=${2:?--state needs a folder}
        shift
        ;;
    --port)
        port=${2:?--port needs a number}
        shift
        ;;
    --help | -h)
        usage
        exit 0
        ;;
    *)
        echo "autogen.sh: unknown option '$1'" >&2
        usage >&2
        exit 2
        ;;
    esac
    shift
done

case $mode in
bootstrap) bootstrap ;;
deps) install_packages build run test ;;
check)
    # shellcheck source=tests/tools/check.sh
    source tests/tools/check.sh
    ;;
run)
    export once state port
    # shellcheck source=tests/tools/run.sh
    source tests/tools/run.sh
    ;;
esac
