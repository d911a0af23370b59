#!/bin/sh
# SPDX-License-Identifier: MIT
#
# One task of an array job: grades its part of a class. grade-class.sh submits it.
#
# A machine has 512 MiB, and each processor keeps up to two at work. A task that is requeued, after a node has failed or
# a time limit was too short, keeps the grades that it has.
#
#SBATCH --job-name=kmodlab-grade
#SBATCH --cpus-per-task=2
#SBATCH --mem-per-cpu=1500M
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
set -eu
kmodlab=$1 kernel=$2 lab=$3 submissions=$4 out=$5
part=$SLURM_ARRAY_TASK_ID-of-$SLURM_ARRAY_TASK_COUNT
echo "part $part on $SLURMD_NODENAME, requeued ${SLURM_RESTART_COUNT:-0} times"

# Which submissions are this task's, kmodlab takes from the same variables.
status=0
"$kmodlab" grade "$lab" "$submissions"/* --kernel "$kernel" -j "${SLURM_CPUS_PER_TASK:-1}" \
	-o "$out/parts/$part" || status=$?

# 3: a submission could not be graded. The gradebook says which and why, so this does not keep the others waiting.
[ $status = 3 ] || exit $status
