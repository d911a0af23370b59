// SPDX-License-Identifier: GPL-2.0
/*
 * double_kfree - frees an object twice
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/slab.h>

static int __init double_kfree_init(void)
{
	void *p = kmalloc(64, GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	kfree(p);
	kfree(p);
	return 0;
}

static void __exit double_kfree_exit(void)
{
}

module_init(double_kfree_init);
module_exit(double_kfree_exit);
MODULE_DESCRIPTION("frees an object twice");
MODULE_LICENSE("GPL");
