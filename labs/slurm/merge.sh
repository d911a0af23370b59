#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Puts the parts of a class together. grade-class.sh submits it, to run after all parts.
#
#SBATCH --job-name=kmodlab-merge
#SBATCH --cpus-per-task=2
#SBATCH --mem-per-cpu=1500M
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
set -eu
kmodlab=$1 kernel=$2 lab=$3 submissions=$4 out=$5 tasks=$6

part=1
while [ $part -le "$tasks" ]; do
	cp -R "$out/parts/$part-of-$tasks/." "$out"
	part=$((part + 1))
done

# What has a grade is not graded again. What could not be graded is tried once more, on this node, and what a part has
# not seen, because it was handed in meanwhile, has its turn.
exec "$kmodlab" grade "$lab" "$submissions"/* --kernel "$kernel" -j "${SLURM_CPUS_PER_TASK:-1}" -o "$out"
