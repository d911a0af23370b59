// SPDX-License-Identifier: GPL-2.0
/*
 * double_free_user - frees a buffer, and gives it to double_free_lib, which
 * frees it again
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/slab.h>

void double_free_consume(void *data);

static int __init double_free_user_init(void)
{
	void *a = kmalloc(1500, GFP_KERNEL);
	void *b = kmalloc(1500, GFP_KERNEL);

	kfree(a);
	kfree(b);
	double_free_consume(a);
	pr_info("double_free_user: loaded\n");
	return 0;
}

static void __exit double_free_user_exit(void)
{
}

module_init(double_free_user_init);
module_exit(double_free_user_exit);
MODULE_DESCRIPTION("frees a buffer that another module frees, too");
MODULE_LICENSE("GPL");
