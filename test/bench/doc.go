// SPDX-License-Identifier: MIT

// Package bench has the benchmarks of whole runs, of the tracer and of the commands
// for modules, which print ratios. It has no other code.
package bench
