// SPDX-License-Identifier: GPL-2.0
/*
 * init_eexist - has an init that returns -EEXIST
 *
 * Purpose
 *	The kernel uses the same errno for a module that is already loaded.
 *
 * Usage
 *	kmodlab run modules/faults/init_eexist
 *
 * What you will see
 *	The verdict is load: init returned -EEXIST. Do not confuse it with
 *	the -EEXIST of a module that is already loaded.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/init.h>
#include <linux/module.h>

static int __init init_eexist_init(void)
{
	return -EEXIST; /* fault */
}

static void __exit init_eexist_exit(void)
{
}

module_init(init_eexist_init);
module_exit(init_eexist_exit);

MODULE_DESCRIPTION("Has an init that returns -EEXIST");
MODULE_LICENSE("GPL");
