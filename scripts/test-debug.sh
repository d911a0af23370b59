#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs the tests in which crash, drgn and gdb use the debug package of debian:bookworm's kernel. It installs crash and
# drgn, and fetches the package by apt, from the archives that the kernel itself may come from; only its vmlinux is
# kept, in DEBUG_DIR.
# GO names another go.
set -eu

cd "$(dirname -- "$0")/.."
dir=${DEBUG_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/kmodlab-debug}
# As kernel fetch has it: KMODLAB_MIRROR, or what apt knows.
# shellcheck disable=SC2016 # apt-get replaces it
mirror=${KMODLAB_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' | sed -n 's|/debian/*$|/debian|p' | head -n 1)}
[ -n "$mirror" ] || { echo "test-debug: apt knows no Debian mirror; name one: KMODLAB_MIRROR=URL" >&2; exit 1; }

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
for program in crash:crash drgn:python3-drgn; do
	command -v "${program%%:*}" >/dev/null || $sudo apt-get install -y --no-install-recommends "${program#*:}"
done

release=$(bin/kmodlab kernel fetch debian:bookworm | sed -n 's/^debian:bookworm is //p')
[ -n "$release" ] || { echo "test-debug: kernel fetch does not say which release it is" >&2; exit 1; }
vmlinux=$dir/usr/lib/debug/boot/vmlinux-$release
if [ ! -e "$vmlinux" ]; then
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	dir=$(cd "$dir" && pwd)
	cat >"$dir/sources.list" <<-LIST
		deb $mirror bookworm main
		deb ${mirror%/debian}/debian-security bookworm-security main
	LIST
	apt() {
		"$@" -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=- \
			-o Dir::State::lists="$dir/lists" -o Dir::Cache="$dir/cache"
	}
	apt apt-get -q update
	(cd "$dir" && apt apt-get -q download "linux-image-$release-dbg")
	dpkg-deb --fsys-tarfile "$dir/linux-image-$release-dbg_"*.deb |
		tar -x -C "$dir" "./usr/lib/debug/boot/vmlinux-$release"
	rm -f "$dir/linux-image-$release-dbg_"*.deb
fi
KMODLAB_VMLINUX=$vmlinux "${GO:-go}" test -count 1 -v -timeout 30m -run '^(TestCoreOpens|TestDebugTypes)$' ./test/vm
