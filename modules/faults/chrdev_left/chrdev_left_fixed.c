// SPDX-License-Identifier: GPL-2.0
/*
 * chrdev_left_fixed - unregisters its device number
 *
 * Purpose
 *	Like chrdev_left.c, but the exit function calls unregister_chrdev().
 *
 *	To see the difference: diff -u chrdev_left.c chrdev_left_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/chrdev_left --load chrdev_left_fixed
 *
 * What you will see
 *	The verdict is pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/init.h>
#include <linux/module.h>

static const struct file_operations operations = {
	.owner = THIS_MODULE,
};

static int major;

static int __init chrdev_left_init(void)
{
	major = register_chrdev(0, "chrdev_left", &operations);
	return major < 0 ? major : 0;
}

static void __exit chrdev_left_exit(void)
{
	unregister_chrdev(major, "chrdev_left");
}

module_init(chrdev_left_init);
module_exit(chrdev_left_exit);

MODULE_DESCRIPTION("Unregisters its device number");
MODULE_LICENSE("GPL");
