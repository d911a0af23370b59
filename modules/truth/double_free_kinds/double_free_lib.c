// SPDX-License-Identifier: GPL-2.0
/*
 * double_free_lib - frees what others give it, for double_free_user
 */
#include <linux/export.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/slab.h>

void double_free_consume(void *data);

void double_free_consume(void *data)
{
	kfree(data);
	pr_info("double_free_lib: consumed\n");
}
EXPORT_SYMBOL_GPL(double_free_consume);

static int __init double_free_lib_init(void)
{
	return 0;
}

static void __exit double_free_lib_exit(void)
{
}

module_init(double_free_lib_init);
module_exit(double_free_lib_exit);
MODULE_DESCRIPTION("frees what others give it");
MODULE_LICENSE("GPL");
