// SPDX-License-Identifier: MIT

// Package slurm tests labs/slurm on a cluster of two nodes that runs on this machine alone. It has no other code.
package slurm
