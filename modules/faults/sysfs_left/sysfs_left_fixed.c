// SPDX-License-Identifier: GPL-2.0
/*
 * sysfs_left_fixed - removes its folder in /sys
 *
 * Purpose
 *	Like sysfs_left.c, but the exit function calls kobject_put().
 *
 *	To see the difference: diff -u sysfs_left.c sysfs_left_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/sysfs_left --load sysfs_left_fixed
 *
 * What you will see
 *	The verdict is pass.
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
	kobject_put(folder);
}

module_init(sysfs_left_init);
module_exit(sysfs_left_exit);

MODULE_DESCRIPTION("Removes its folder in /sys");
MODULE_LICENSE("GPL");
