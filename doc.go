// SPDX-License-Identifier: MIT

// Package kmodlab is a lab bench for Linux kernel modules. Run builds a module
// folder, boots a kernel in a throw-away VM, loads the modules in dependency
// order, traces through eBPF what the kernel did, unloads them, and gives one
// verdict with the whole story behind it. It needs no root, no KVM and no kernel
// tree; QEMU and, where the sandbox builds, bubblewrap have to be installed
// (`kmodlab doctor` says what is missing).
//
// The kmodlab program itself is the guest's agent. A program that imports this
// package finds it through Spec.Agent, $KMODLAB_AGENT or PATH.
package kmodlab
