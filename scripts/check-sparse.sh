#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Builds all modules of modules/ with W=1 and C=1: gcc warns about more, and sparse reads each source. Fails on every
# warning about our own sources. Warnings about the kernel's headers are left out.
#
#   scripts/check-sparse.sh [KERNEL]    a kernel that kmodlab can fetch; default: debian:bookworm
#
# The build uses the toolchain and the headers of that kernel (kmodlab kernel fetch), in namespaces without a network.
# sparse is not among them, so this machine's is mounted there, with its libraries. Kernels from 7.0 on refuse sparse
# 0.6.4, which is Debian's, as too old.
set -eu

kernel=${1:-debian:bookworm}
repo=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
root=${XDG_CACHE_HOME:-$HOME/.cache}/kmodlab/kernels/$(echo "$kernel" | tr : -)/root
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP

die() { printf 'check-sparse: %s\n' "$*" >&2; exit 1; }

# copy_sparse: a script that starts sparse with its own libraries, because the kernel's toolchain may have older ones.
copy_sparse() {
	program=$(command -v sparse) || die "sparse is not here; type: scripts/setup.sh check"
	mkdir "$tmp/sparse"
	cp "$program" "$tmp/sparse/program"
	ldd "$program" | grep -o '/[^ ]*' | while read -r library; do cp "$library" "$tmp/sparse/"; done
	cat >"$tmp/sparse/sparse" <<-'END'
		#!/bin/sh
		exec /sparse/ld-linux-x86-64.so.2 --library-path /sparse /sparse/program "$@"
	END
	chmod +x "$tmp/sparse/sparse"
}

# copy_sources: one folder for all modules, so that one make builds them.
copy_sources() {
	cp -R "$repo/modules" "$tmp/src"
	(cd "$tmp/src" && find . -name Kbuild | sort) | sed 's|^\./\(.*\)Kbuild$|obj-m += \1|' >"$tmp/Kbuild"
	mv "$tmp/Kbuild" "$tmp/src/"
}

# build: runs make in the kernel's tree, which becomes the root folder, entry by entry. Debug information is left out to
# save time.
build() {
	set -- --unshare-all --die-with-parent --new-session --clearenv --setenv PATH /usr/sbin:/usr/bin:/sbin:/bin
	for entry in "$root"/*; do
		at=/${entry##*/}
		case $at in
		/proc | /dev | /sys | /tmp | /run | /work) continue ;;
		esac
		if [ -L "$entry" ]; then
			set -- "$@" --symlink "$(readlink "$entry")" "$at"
		else
			set -- "$@" --ro-bind "$entry" "$at"
		fi
	done
	headers=$(cd "$root" && echo usr/src/linux-headers-*-amd64)
	bwrap "$@" --proc /proc --dev /dev --tmpfs /tmp --bind "$tmp/src" /src --ro-bind "$tmp/sparse" /sparse \
		make -C "/$headers" M=/src W=1 C=1 CHECK=/sparse/sparse KCFLAGS=-g0 CONFIG_DEBUG_INFO_BTF_MODULES= \
		"-j$(nproc)" modules >"$tmp/log" 2>&1
}

[ -d "$root" ] || (cd "$repo" && go run ./cmd/kmodlab kernel fetch "$kernel") || die "cannot fetch $kernel; see above"
copy_sparse
copy_sources
build || { tail -n 40 "$tmp/log" >&2; die "the build for $kernel failed; see above"; }

# If kbuild takes sparse for too old, it builds without it and only says so. .module-common.c is the kernel's.
compiled=$(grep '^ *CC \[M\] ' "$tmp/log" | grep -vc -e '\.mod\.o$' -e '\.module-common\.o$' || :)
checked=$(grep -c '^ *CHECK ' "$tmp/log" || :)
if [ "$checked" = 0 ] || [ "$checked" != "$compiled" ]; then
	grep 'C=1 specified' "$tmp/log" >&2 || :
	die "sparse read $checked of $compiled sources for $kernel; name an older kernel, or install a newer sparse"
fi

# ours: the warnings about files of modules/. Since 6.13 make names them without /src/.
ours() {
	grep -E '^(WARNING|ERROR): modpost' "$tmp/log" || :
	grep -E '^[^ :]+:[0-9]+:[0-9]+: (warning|error): ' "$tmp/log" | sed 's|^/src/||' |
		while read -r line; do [ ! -e "$tmp/src/${line%%:*}" ] || printf 'modules/%s\n' "$line"; done
}

ours >"$tmp/warnings"
if [ -s "$tmp/warnings" ]; then
	cat "$tmp/warnings" >&2
	die "mend these lines, then type: make check-sparse"
fi
echo "check-sparse: $checked sources for $kernel with W=1 C=1, no warning"
