// SPDX-License-Identifier: GPL-2.0
/* What marks an object as a kernel module: the section of its struct module. */
char module[64] __attribute__((section(".gnu.linkonce.this_module")));
