#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installs the programs that judge our formats in the tests into the cache folder, once: Perfetto, Mermaid and a schema
# of JUnit's XML from the npm registry, as internal/testlab/foreign/testdata/package-lock.json has them, and the
# kernel's own KTAP parser from Debian's linux-source, of which only that is kept. scripts/setup.sh calls this script
# after it has installed npm.
#
#   scripts/foreign.sh [-n]    -n only says what is missing, and exits with 1 when something is
set -eu

repo=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
dir=${XDG_CACHE_HOME:-$HOME/.cache}/kmodlab/foreign
tmp=

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

have_npm() { cmp -s "$repo/internal/testlab/foreign/testdata/package-lock.json" "$dir/installed-lock.json"; }
have_kunit() { [ -e "$dir/kunit/kunit_parser.py" ]; }

install_npm() {
	say "installing Perfetto, Mermaid and a JUnit schema from the npm registry into $dir"
	rm -f "$dir/installed-lock.json"
	for name in package.json package-lock.json; do
		cp "$repo/internal/testlab/foreign/testdata/$name" "$dir/"
	done
	(cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1) || {
		tail -n 20 "$dir/npm.log" >&2
		die "npm cannot install them; see above, then try again: scripts/foreign.sh"
	}
	cp "$dir/package-lock.json" "$dir/installed-lock.json"
}

# install_kunit: downloads a whole kernel's sources (about 140 MB) for two small files.
install_kunit() {
	package=$(apt-cache depends linux-source | sed -n 's/^ *Depends: \(linux-source-[0-9.]*\)$/\1/p' | head -n 1)
	[ -n "$package" ] || die "apt knows no linux-source, which has the kernel's KTAP parser; type: apt-get update"
	say "taking the kernel's KTAP parser out of $package"
	tmp=$(mktemp -d)
	chmod 755 "$tmp"
	(cd "$tmp" && apt-get download "$package" >apt.log 2>&1) || {
		tail -n 5 "$tmp/apt.log" >&2
		die "cannot download $package; type: apt-get update, then try again"
	}
	dpkg-deb --fsys-tarfile "$tmp"/*.deb | tar -xO "./usr/src/$package.tar.xz" |
		tar -xJ -C "$tmp" --strip-components 3 --wildcards '*/tools/testing/kunit/kunit_*er.py'
	mkdir -p "$dir/kunit"
	cp "$tmp"/kunit/kunit_printer.py "$dir/kunit/" 2>/dev/null || : # kernels before 6.0 have none
	cp "$tmp"/kunit/kunit_parser.py "$dir/kunit/"
}

clean() { [ -z "$tmp" ] || rm -rf "$tmp"; }

if [ "${1:-}" = -n ]; then
	{ have_npm && have_kunit; } || die "missing: programs in $dir; type: scripts/foreign.sh"
	exit
fi
trap clean EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$dir"
have_npm || install_npm
have_kunit || install_kunit
