#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Keeps each mended fault, x_fixed.c, close to x.c, so that a student can read the mending in one diff. At most 30 lines
# may be added or removed, not counting the comment at the top.
set -eu

most=30
cd "$(dirname -- "$0")/.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP

die() { printf 'check-fixed: %s\n' "$*" >&2; exit 1; }

# body FILE: its lines after the comment at the top.
body() { sed '1,/^ \*\/$/d' "$1"; }

count=0
for fixed in modules/faults/*/*_fixed.c; do
	faulty=${fixed%_fixed.c}.c
	[ -e "$faulty" ] || die "$fixed is there, and $faulty is not"
	body "$faulty" >"$tmp/faulty"
	body "$fixed" >"$tmp/fixed"
	for part in faulty fixed; do
		[ -s "$tmp/$part" ] || die "$fixed or $faulty has no comment at the top, or no code after it"
	done
	changed=$(diff "$tmp/faulty" "$tmp/fixed" | grep -c '^[<>]' || :)
	[ "$changed" -gt 0 ] || die "$fixed mends nothing: its code is that of $faulty"
	[ "$changed" -le $most ] || die "$changed lines differ, at most $most may; see: diff -u $faulty $fixed"
	! grep -q '/\* fault \*/' "$fixed" || die "$fixed is mended, and has the mark /* fault */"
	count=$((count + 1))
done
[ $count -ge 10 ] || die "found $count mended faults in modules/faults"
echo "check-fixed: $count mended faults, each differs from the faulty one in at most $most lines"
