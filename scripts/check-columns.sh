#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Fails on lines of more than 120 columns in Go, C, scripts, makefiles and the prose of Markdown. A tab ends at a
# multiple of 8; in Go it counts as one, as Go's linters count it. A string in Go or C counts as 50 columns at most,
# since a message that is broken cannot be searched for (the kernel's rule). Left out are generated files, testdata,
# //go: lines, and in Markdown tables, code, pictures and the targets of links.
#
# scripts/columns.todo lists files that still have such lines. A file that has none any more must not stay there.
set -eu

cd "$(dirname -- "$0")/.."
todo=scripts/columns.todo

# sources: the files to look at, those that git does not know yet included.
sources() {
	git ls-files --cached --others --exclude-standard -- '*.go' '*.[ch]' '*.sh' '*.bt' '*.mk' '*.md' \
		'*Makefile' '*Kbuild' .ci/run Vagrantfile |
		grep -v -e '/testdata/' -e '^testdata/' -e '_bpfel\.go$' |
		while read -r file; do [ ! -e "$file" ] || printf '%s\n' "$file"; done
}

# Counts bytes, without those that continue a character, because not every awk knows UTF-8.
# shellcheck disable=SC2046 # no name has a space
LC_ALL=C awk -v todo="$todo" '
	# short cuts the strings of a line of code.
	function short(line, cut) {
		while (match(line, /"([^"\\]|\\.)*"|`[^`]*`/)) {
			cut = cut substr(line, 1, RSTART - 1) substr(line, RSTART, RLENGTH > 50 ? 50 : RLENGTH)
			line = substr(line, RSTART + RLENGTH)
		}
		return cut line
	}
	BEGIN {
		while ((getline file < todo) > 0)
			listed[file] = 1
	}
	FNR == 1 { fenced = 0 }
	FILENAME ~ /\.md$/ {
		if ($0 ~ /^ *```/) {
			fenced = !fenced
			next
		}
		if (fenced || $0 ~ /^ *\|/ || $0 ~ /^(    |\t)/)
			next
		gsub(/!\[[^]]*\]\([^)]*\)/, "")
		gsub(/\]\([^)]*\)/, "]")
		gsub(/https?:\/\/[^ )>]*/, "")
	}
	/^\/\/go:/ { next }
	{
		gsub(/[\200-\277]/, "")
		while (FILENAME !~ /\.go$/ && (tab = index($0, "\t")) > 0)
			$0 = substr($0, 1, tab - 1) substr("        ", 1 + (tab - 1) % 8) substr($0, tab + 1)
		if (length($0) > 120 && FILENAME ~ /\.([ch]|go)$/)
			$0 = short($0)
		if (length($0) <= 120)
			next
		long[FILENAME] = 1
		if (!(FILENAME in listed)) {
			printf "%s:%d: %d columns\n", FILENAME, FNR, length($0)
			bad++
		}
	}
	END {
		for (file in listed)
			if (!(file in long)) {
				printf "%s: has no long line; take it off %s\n", file, todo
				bad++
			} else
				left++
		if (bad)
			print "check-columns: wrap these lines at 120 columns"
		else
			printf "check-columns: no line exceeds 120 columns, except in %d files of %s\n", left, todo
		exit bad > 0
	}' $(sources)
