# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the recipes share: progress, a package source of their own, the kernel. Sourced, not run.
#
# A recipe gets VEDETTE_OUT (folder to fill), VEDETTE_WORK (scratch), VEDETTE_GUEST (folder with
# vedette-agent and vedette-tiny) and VEDETTE_CACHE (kept between builds). It writes disk.qcow2, vmlinuz,
# initrd.img as its kind needs them, and recipe.json.
set -euo pipefail
umask 022
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

: "${VEDETTE_OUT:?}" "${VEDETTE_WORK:?}" "${VEDETTE_GUEST:?}" "${VEDETTE_CACHE:?}"

# progress PERCENT TEXT: moves the bar of vedette-image.
progress() {
    printf '@progress %s %s\n' "$1" "$2"
}

die() {
    printf 'recipe: %s\n' "$*" >&2
    exit 1
}

# package_source: finds the mirror that this machine is configured for and reads its package lists into
# the cache, apart from the machine's own. Sets MIRROR, SUITE, KEYRING, SECURITY and the array APT of options.
package_source() {
    local uri release component age
    # shellcheck disable=SC2016 # apt fills these in, not the shell
    local format='$(REPO_URI)|$(RELEASE)|$(COMPONENT)'
    # shellcheck source=/dev/null
    SUITE=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
    MIRROR='' SECURITY='' KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
    while IFS='|' read -r uri release component; do
        [ "$component" = main ] || continue
        case $release in
        "$SUITE") [ -n "$MIRROR" ] || MIRROR=${uri%/} ;;
        "$SUITE-security") [ -n "$SECURITY" ] || SECURITY=${uri%/} ;;
        esac
    done < <(apt-get indextargets --format "$format" 'Created-By: Packages')
    [ -n "$MIRROR" ] || die "no Debian mirror for '$SUITE' in this machine's apt sources"

    local apt=$VEDETTE_CACHE/apt
    mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/empty"
    : >"$apt/status"
    {
        printf 'deb [signed-by=%s] %s %s main\n' "$KEYRING" "$MIRROR" "$SUITE"
        [ -z "$SECURITY" ] ||
            printf 'deb [signed-by=%s] %s %s-security main\n' "$KEYRING" "$SECURITY" "$SUITE"
    } >"$apt/sources.list.new"
    if ! cmp -s "$apt/sources.list.new" "$apt/sources.list"; then
        mv "$apt/sources.list.new" "$apt/sources.list"
        rm -f "$apt/updated"
    fi
    APT=(-o "Dir::Etc::SourceList=$apt/sources.list" -o "Dir::Etc::SourceParts=$apt/empty"
        -o "Dir::State=$apt/state" -o "Dir::Cache=$apt/cache" -o "Dir::State::Status=$apt/status"
        -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3)
    age=$(find "$apt/updated" -mmin -720 2>/dev/null || true)
    if [ -z "$age" ]; then
        if apt-get "${APT[@]}" -qq -o APT::Update::Error-Mode=any update; then
            touch "$apt/updated"
        elif [ -e "$apt/updated" ]; then # lists of an earlier build will do when the mirror is away
            printf 'recipe: the mirror does not answer, going on with older package lists\n' >&2
        else
            die "cannot read the package lists of $MIRROR"
        fi
    fi
}

# package_file NAME: prints the path of the package's .deb in the cache, downloaded unless it is there and
# has the digest that the signed lists give it.
package_file() {
    local record file sum
    record=$(apt-cache "${APT[@]}" show --no-all-versions "$1") || die "package $1 is not on the mirror"
    file=$VEDETTE_CACHE/debs/$(awk '/^Filename:/{n = split($2, p, "/"); print p[n]; exit}' <<<"$record")
    sum=$(awk '/^SHA256:/{print $2; exit}' <<<"$record")
    mkdir -p "$VEDETTE_CACHE/debs"
    if ! printf '%s  %s\n' "$sum" "$file" | sha256sum --status -c - 2>/dev/null; then
        rm -rf "$VEDETTE_WORK/download"
        mkdir "$VEDETTE_WORK/download"
        (cd "$VEDETTE_WORK/download" && apt-get "${APT[@]}" -qq download "$1") >&2 || die "cannot download $1"
        mv "$VEDETTE_WORK/download/"*.deb "$file"
        printf '%s  %s\n' "$sum" "$file" | sha256sum --status -c - || die "$file has a wrong digest"
    fi
    printf '%s\n' "$file"
}

# kernel_unpack FOLDER: unpacks Debian's kernel with its modules; sets KERNEL_VERSION and runs depmod.
kernel_unpack() {
    local package
    package=$(apt-cache "${APT[@]}" depends linux-image-amd64 | awk '/Depends: linux-image-/{print $2; exit}')
    [ -n "$package" ] || die "linux-image-amd64 is not on the mirror"
    dpkg-deb -x "$(package_file "$package")" "$1"
    KERNEL_VERSION=$(basename "$1"/boot/vmlinuz-*)
    KERNEL_VERSION=${KERNEL_VERSION#vmlinuz-}
    depmod -b "$1" "$KERNEL_VERSION"
}

# number FILE OFFSET: the little endian 32-bit number there.
number() {
    od -An -tu4 -j "$2" -N 4 --endian=little "$1" | tr -d ' '
}

# kernel_image ROOT TARGET: the kernel in the form that boots fastest. An emulated processor needs three
# seconds to unpack Debian's kernel; QEMU starts the unpacked one as well (PVH), so the builder unpacks it.
# Fields of the boot header: 0x1f1 sectors of setup code, 0x248 offset and 0x24c length of the payload.
kernel_image() {
    local packed=$1/boot/vmlinuz-$KERNEL_VERSION sectors offset length
    sectors=$(od -An -tu1 -j $((0x1f1)) -N 1 "$packed" | tr -d ' ')
    offset=$(((sectors + 1) * 512 + $(number "$packed" $((0x248)))))
    length=$(number "$packed" $((0x24c)))
    if grep -q '^CONFIG_PVH=y' "$1/boot/config-$KERNEL_VERSION" &&
        grep -q '^CONFIG_KERNEL_XZ=y' "$1/boot/config-$KERNEL_VERSION" &&
        dd if="$packed" bs=64K iflag=skip_bytes,count_bytes skip="$offset" count="$length" status=none |
        xz -dcq --single-stream >"$2" && [ "$(head -c 4 "$2")" = $'\177ELF' ]; then
        return
    fi
    cp "$packed" "$2"
}

# module_order ROOT NAME...: prints the files (below lib/modules/VERSION) in the order of loading.
# A module that is built into the kernel is left out, one that does not exist is an error.
module_order() {
    local root=$1/lib/modules/$KERNEL_VERSION name line file
    shift
    for name in "$@"; do
        line=$(grep -E "(^|/)${name//[-_]/[-_]}\.ko(\.[a-z]+)?:" "$root/modules.dep" | head -n 1) || true
        if [ -z "$line" ]; then
            grep -qE "/${name//[-_]/[-_]}\.ko" "$root/modules.builtin" || die "the kernel has no module $name"
            continue
        fi
        file=${line%%:*}
        # modules.dep lists what a module needs last-loaded first.
        # shellcheck disable=SC2086
        printf '%s\n' ${line#*:} | tac
        printf '%s\n' "$file"
    done | awk 'NF && !seen[$0]++'
}

# module_copy FILE TARGET: copies a module, unpacked: the guest's loader takes plain files.
module_copy() {
    case $1 in
    *.xz) xz -dc "$1" >"$2" ;;
    *.zst) zstd -qdc "$1" >"$2" ;;
    *.gz) gzip -dc "$1" >"$2" ;;
    *) cp "$1" "$2" ;;
    esac
}
