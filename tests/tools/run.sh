# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# run: the first of the README's two commands. Sourced by autogen.sh, which sets once, state and port.
#
# Everything that it makes is in the state folder and in build/run; its PAM stack and its one user
# exist only there. Ctrl-C stops all that it started.
: "${once:=}" "${state:?}" "${port:?}"
steps_begin "$state/log"
: "${steps_log:?}"

run_build=$PWD/build/run
run_config=$state/config
run_user=demo
run_pool=desktop
run_image=debian-desktop
run_up_pid=
run_image_pid=
run_password=

# Four groups of four letters that cannot be mistaken for one another: 79 bits, typed once.
new_password() {
    python3 -c 'import secrets
letters = "abcdefghjkmnpqrstuvwxyz23456789"
print("-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4)))'
}

write_config() {
    mkdir -p "$state" "$run_config/pools.d" "$run_config/pam.d"
    chmod 0711 "$state"
    chmod 0755 "$run_config" "$run_config/pools.d"
    chmod 0700 "$run_config/pam.d"
    (
        umask 077
        printf '%s:%s\n' "$run_user" "$(openssl passwd -6 -stdin <<<"$run_password")" >"$run_config/passwd"
        cat >"$run_config/pam.d/vedette" <<EOF
auth     required pam_pwdfile.so pwdfile=$run_config/passwd
account  required pam_permit.so
password required pam_deny.so
session  required pam_permit.so
EOF
    )
    # An administrator may have edited the pool since; it is written only once.
    if [ ! -e "$run_config/pools.d/$run_pool.pool" ]; then
        cat >"$run_config/pools.d/$run_pool.pool" <<EOF
[Pool]
Description=Debian desktop
Type=floating
Max=2
MaxPerUser=1
Allow=$run_user

[Image]
Name=$run_image
Revision=latest
Refresh=logoff

[Machine]
CPU=2
Memory=1G
Accel=any

[Spares]
Running=1

[Session]
Disconnected=30min
OnDisconnectExpire=logoff
EOF
    fi
}

image_exists() {
    [ -n "$(find "$state/images/$run_image" -maxdepth 2 -name manifest.json 2>/dev/null)" ]
}

# Builds what the image needs first, so that image and programs can be made side by side.
build_image_tools() {
    build_in "$run_build/protocol" && build_in "$run_build/hostd/kvm" && build_in "$run_build/hostd/image" && build_in "$run_build/hostd/guest"
}

start_image_build() {
    mkdir -p "$state/images" "$state/cache"
    "$run_build/hostd/image/vedette-image" build "$run_image" \
        --recipe "$PWD/hostd/image/recipes/$run_image.recipe" --images "$state/images" \
        --cache "$state/cache" --guest "$run_build/hostd/guest" >"$steps_log/image.log" 2>&1 </dev/null &
    run_image_pid=$!
}

# Shows the last progress line of the image build until it ends.
finish_image_build() {
    local shown=0
    tail -n +1 --pid="$run_image_pid" -f "$steps_log/image.log" &
    shown=$!
    wait "$shown"
    while kill -0 "$run_image_pid" 2>/dev/null; do sleep 0.2; done
    image_exists
}

start_system() {
    "$run_build/broker/ctl/vedettectl" --state "$state" --config "$run_config" up \
        --programs "$run_build" --port "$port" --pam-confdir "$run_config/pam.d" --pam-service vedette \
        --stop-desktops --ready-fd 3 3>"$steps_log/ready" >"$steps_log/up.log" 2>&1 </dev/null &
    run_up_pid=$!
}

wait_for_system() {
    until [ -s "$steps_log/ready" ]; do
        if ! kill -0 "$run_up_pid" 2>/dev/null; then
            tail -n 30 "$steps_log/up.log"
            return 1
        fi
        sleep 0.1
    done
}

# Waits until the pool has a desktop that nobody uses yet.
wait_for_spare() {
    local answer
    while kill -0 "$run_up_pid" 2>/dev/null; do
        answer=$("$run_build/broker/ctl/vedettectl" --state "$state" --json status 2>/dev/null || true)
        if python3 -c 'import json,sys
pools = json.loads(sys.argv[1] or "{}").get("pools", [])
sys.exit(0 if any(p.get("ready", 0) > 0 for p in pools) else 1)' "$answer" 2>/dev/null; then
            return 0
        fi
        sleep 0.3
    done
    tail -n 30 "$steps_log/up.log"
    return 1
}

stop_system() {
    trap - EXIT INT TERM
    [ -z "$run_image_pid" ] || kill "$run_image_pid" 2>/dev/null || true
    if [ -n "$run_up_pid" ] && kill -0 "$run_up_pid" 2>/dev/null; then
        echo "Stopping everything …"
        kill -TERM "$run_up_pid"
        wait "$run_up_pid" || true
    fi
}

client() {
    "$run_build/client/native/vedette" --server "localhost:$port" --ca "$state/pki/ca.pem" \
        --user "$run_user" --pool "$run_pool" "$@"
}

log_in_once() {
    local picture
    mkdir -p "$state/screenshots"
    picture=$state/screenshots/$(date +%Y%m%d-%H%M%S).png
    # The table is for people; the JSON lines beside it are for programs.
    client --headless --size 1280x800 --password-fd 3 --once "$picture" --table \
        3<<<"$run_password" | sed '/^{/d'
}

show_next_steps() {
    cat <<EOF

Vedette is up.
  URL       https://localhost:$port/
  user      $run_user
  password  $run_password      (new at every start, kept nowhere)

Type next, in another terminal:
  $run_build/client/native/vedette --server localhost:$port --ca $state/pki/ca.pem --user $run_user
  $run_build/broker/ctl/vedettectl --state $state status

Logs: $steps_log/up.log      Ctrl-C stops everything.
EOF
}

echo "Vedette: state in $state"
rm -f "$steps_log/ready"
step "Packages" install_packages build run
step "Configuration" configure_in "$run_build" CFLAGS='-O2 -g'
trap stop_system EXIT
trap 'exit 130' INT TERM
if ! image_exists; then
    step "Image tools" build_image_tools
    start_image_build
fi
step "Programs" build_in "$run_build"
if [ -n "$run_image_pid" ]; then
    step "Desktop image $run_image" finish_image_build
    run_image_pid=
fi
run_password=$(new_password)
step "Pool, user and PAM stack" write_config
start_system
step "Broker, gateway and host" wait_for_system
step "First desktop" wait_for_spare
if [ -n "$once" ]; then
    log_in_once
    exit 0
fi
show_next_steps
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    client &
fi
wait "$run_up_pid"
