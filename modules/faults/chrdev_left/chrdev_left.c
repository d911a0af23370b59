// SPDX-License-Identifier: GPL-2.0
/*
 * chrdev_left - leaves its device number registered
 *
 * Purpose
 *	register_chrdev() without unregister_chrdev(): the number stays in
 *	use until the next boot.
 *
 * Usage
 *	kmodlab run modules/faults/chrdev_left --load chrdev_left
 *
 * What you will see
 *	The verdict is leak: the character device number of chrdev_left.
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
	major = register_chrdev(0, "chrdev_left", &operations); /* fault */
	return major < 0 ? major : 0;
}

static void __exit chrdev_left_exit(void)
{
}

module_init(chrdev_left_init);
module_exit(chrdev_left_exit);

MODULE_DESCRIPTION("Leaves its device number registered");
MODULE_LICENSE("GPL");
