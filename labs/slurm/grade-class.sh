#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Grades a class on Slurm: an array job whose tasks grade a part of the submissions each, and a job that puts the parts
# together when all of them have ended well.
#
#   labs/slurm/grade-class.sh LAB SUBMISSIONS OUT [OPTION OF sbatch]...
#
# LAB is the lab's folder. SUBMISSIONS is a folder with one submission in each entry: a folder, an archive or a bare git
# repository. The gradebook is then in OUT. All three must be on a file system that all nodes see.
#
# These variables change what is done:
#
#   TASKS    how many parts, default 8
#   KERNEL   the kernel to grade on, default debian:bookworm
#   KMODLAB  the program, default kmodlab in PATH; kmodlab-agent lies beside it
#
# Prints the ids of the two jobs. The same line again grades only what has no grade yet.
set -eu

die() { echo "grade-class.sh: $*" >&2; exit 2; }

# folder WHAT PATH: prints the folder's full path.
folder() {
	[ -d "$2" ] || die "$1: $2 is no folder"
	(CDPATH='' cd -- "$2" && pwd)
}

[ $# -ge 3 ] || die "usage: grade-class.sh LAB SUBMISSIONS OUT [OPTION OF sbatch]..."
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
kmodlab=$(command -v "${KMODLAB:-kmodlab}") || die "${KMODLAB:-kmodlab} is not there: set KMODLAB to the program"
case $kmodlab in /*) ;; *) kmodlab=$PWD/$kmodlab ;; esac
kernel=${KERNEL:-debian:bookworm}
tasks=${TASKS:-8}
case $tasks in '' | 0* | *[!0-9]*) die "TASKS=$tasks: say in how many parts, as 8" ;; esac

lab=$(folder LAB "$1")
submissions=$(folder SUBMISSIONS "$2")
mkdir -p "$3/parts"
out=$(folder OUT "$3")
shift 3

# Nodes often have no network, and then find the kernel in the home that they share with this host.
"$kmodlab" kernel fetch "$kernel" >&2

# What Slurm writes of a job lies in OUT as well. %A is the array's id, %a the task's number, %j a job's id.
grade=$(sbatch --parsable --array="1-$tasks" --output="$out/parts/%A-%a.log" "$@" \
	"$here/part.sh" "$kmodlab" "$kernel" "$lab" "$submissions" "$out")
grade=${grade%%;*} # on a federation of clusters, the cluster's name follows
merge=$(sbatch --parsable --dependency="afterok:$grade" --kill-on-invalid-dep=yes --output="$out/merge-%j.log" "$@" \
	"$here/merge.sh" "$kmodlab" "$kernel" "$lab" "$submissions" "$out" "$tasks")
echo "$grade ${merge%%;*}"
