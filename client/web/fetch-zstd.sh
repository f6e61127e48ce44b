#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fetch-zstd.sh DIR: puts the sources of the installed zstd into DIR/zstd, once.
#
# They come from Debian's source package, through a private apt folder whose deb-src entries are
# made from this machine's own configured mirrors. Nothing outside DIR is changed. Exits with 77
# when the sources cannot be had.
set -eu
dir=${1:?usage: fetch-zstd.sh DIR}
if [ -f "$dir/zstd/lib/zstd.h" ]; then
	exit 0
fi
for program in apt-get dpkg-query tar; do
	if ! command -v "$program" >/dev/null; then
		echo "no $program on this machine" >&2
		exit 77
	fi
done
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
apt=$dir/apt
rm -rf "$apt" "$dir/zstd.new"
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/etc" "$dir/zstd.new"

# Where binary packages come from, there the same release's sources are.
signed=
if [ -f /usr/share/keyrings/debian-archive-keyring.gpg ]; then
	signed=' [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
fi
# shellcheck disable=SC2016  # the format is apt's own
apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
	sort -u | sed -n "s|^\([^ ]* [^ ]* main\)\$|deb-src$signed \1|p" >"$apt/etc/sources.list"

private_apt() {
	apt-get -q -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache" \
		-o Dir::Etc::sourcelist="$apt/etc/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o APT::Sandbox::User=root -o Acquire::Retries=2 -o Acquire::Languages=none "$@"
}

version=$(dpkg-query -W -f '${source:Version}' libzstd-dev)
# One repository that does not answer must not hide the one that has zstd.
private_apt update >"$apt/update.log" 2>&1 || true
if ! (cd "$apt" && private_apt source --download-only "libzstd=$version" >source.log 2>&1); then
	echo "zstd's source package $version could not be fetched:" >&2
	tail -n 3 "$apt/update.log" "$apt/source.log" >&2
	exit 77
fi
tar -xf "$(find "$apt" -maxdepth 1 -name 'libzstd_*.orig.tar.*' ! -name '*.asc' | head -n 1)" \
	-C "$dir/zstd.new" --strip-components=1
mv "$dir/zstd.new" "$dir/zstd"
rm -rf "$apt"
