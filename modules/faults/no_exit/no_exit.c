// SPDX-License-Identifier: GPL-2.0
/*
 * no_exit - has no exit function
 *
 * Purpose
 *	Without module_exit() the kernel never unloads the module.
 *
 * Usage
 *	kmodlab run modules/faults/no_exit
 *
 * What you will see
 *	modprobe -r is refused, lsmod shows [permanent]; the verdict is load.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>

static int __init no_exit_init(void)
{
	return 0;
}

module_init(no_exit_init);

MODULE_DESCRIPTION("Has no exit function");
MODULE_LICENSE("GPL");
