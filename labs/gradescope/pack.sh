#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Puts into a new folder what Gradescope needs to grade a lab.
#
#   labs/gradescope/pack.sh LAB FOLDER
#
# KMODLAB names the program, default kmodlab in PATH; kmodlab-agent lies beside it.
set -eu

die() { echo "pack.sh: $*" >&2; exit 2; }

[ $# = 2 ] || die "usage: pack.sh LAB FOLDER"
[ -e "$1/lab.yaml" ] || die "$1 is no lab: there is no lab.yaml"
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
kmodlab=$(command -v "${KMODLAB:-kmodlab}") || die "${KMODLAB:-kmodlab} is not there: set KMODLAB to the program"

mkdir "$2"
cp "$here/setup.sh" "$here/run_autograder" "$here/settings" "$kmodlab" "$(dirname -- "$kmodlab")/kmodlab-agent" "$2"
cp -R "$1" "$2/lab"
echo "now type: (cd $2 && zip -r ../autograder.zip .)"
