#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs the tests of test/hostile.txt, the packages one after another, and fails if one of them has failed.
# GO names another go.
set -u

cd "$(dirname -- "$0")/.." || exit
# Each folder, and a pattern of its tests. In a pattern of go test, a / comes between a test and its scripts.
awk '!/^#/ && NF > 0 {
	name = $2
	sub("/", "$/^", name)
	if (!($1 in run)) order[n++] = $1
	run[$1] = run[$1] (run[$1] == "" ? "" : "|") "^" name "$"
}
END { for (i = 0; i < n; i++) print order[i], run[order[i]] }' test/hostile.txt |
	{
		failed='' ran=''
		while read -r folder run; do
			ran=yes
			"${GO:-go}" test -count 1 -v -timeout 85m -run "$run" "./$folder" </dev/null ||
				failed="$failed $folder"
		done
		[ -n "$ran" ] || { echo "test-hostile: test/hostile.txt lists no test" >&2; exit 1; }
		[ -z "$failed" ] || { echo "test-hostile: failed in$failed" >&2; exit 1; }
	}
