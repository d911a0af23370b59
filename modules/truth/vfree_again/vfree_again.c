// SPDX-License-Identifier: GPL-2.0
/*
 * vfree_again - frees a vmalloc area twice, the second time as the last call of
 * exit, which is a jump; vfree itself leaves with a jump, too
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/vmalloc.h>

static void *area;

static int __init vfree_again_init(void)
{
	area = vmalloc(50000);
	return area ? 0 : -ENOMEM;
}

static void __exit vfree_again_exit(void)
{
	vfree(area);
	pr_info("vfree_again: freed\n");
	vfree(area);
}

module_init(vfree_again_init);
module_exit(vfree_again_exit);
MODULE_DESCRIPTION("frees a vmalloc area twice");
MODULE_LICENSE("GPL");
