// SPDX-License-Identifier: GPL-2.0
/*
 * sysfs_left - leaves a folder in /sys
 *
 * Purpose
 *	A kobject without kobject_put().
 *
 * Usage
 *	kmodlab run modules/faults/sysfs_left --load sysfs_left
 *
 * What you will see
 *	The verdict is leak: /sys/kernel/sysfs_left.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/module.h>

static struct kobject *folder;

static int __init sysfs_left_init(void)
{
	folder = kobject_create_and_add("sysfs_left", kernel_kobj);
	return folder ? 0 : -ENOMEM;
}

static void __exit sysfs_left_exit(void)
{
}

module_init(sysfs_left_init);
module_exit(sysfs_left_exit);

MODULE_DESCRIPTION("Leaves a folder in /sys");
MODULE_LICENSE("GPL");
