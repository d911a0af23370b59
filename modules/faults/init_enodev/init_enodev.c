// SPDX-License-Identifier: GPL-2.0
/*
 * init_enodev - has an init that returns -ENODEV
 *
 * Purpose
 *	A driver that finds no device. The kernel discards the module
 *	again.
 *
 * Usage
 *	kmodlab run modules/faults/init_enodev
 *
 * What you will see
 *	The verdict is load: init returned -ENODEV.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/init.h>
#include <linux/module.h>

static int __init init_enodev_init(void)
{
	return -ENODEV; /* fault */
}

static void __exit init_enodev_exit(void)
{
}

module_init(init_enodev_init);
module_exit(init_enodev_exit);

MODULE_DESCRIPTION("Has an init that returns -ENODEV");
MODULE_LICENSE("GPL");
