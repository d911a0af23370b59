// SPDX-License-Identifier: GPL-2.0
/*
 * double_free_gap - frees one of two buffers twice. The allocator only looks
 * whether a buffer is the one that was freed last, so it does not notice.
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/slab.h>

#define SIZE 1500

static void *a;
static void *b;

static int __init double_free_gap_init(void)
{
	a = kmalloc(SIZE, GFP_KERNEL);
	b = kmalloc(SIZE, GFP_KERNEL);
	pr_info("double_free_gap: %d\n", a && b);
	return 0;
}

static void __exit double_free_gap_exit(void)
{
	kfree(a);
	kfree(b);
	kfree(a);
	pr_info("double_free_gap: bye\n");
}

module_init(double_free_gap_init);
module_exit(double_free_gap_exit);
MODULE_DESCRIPTION("frees one of two buffers twice");
MODULE_LICENSE("GPL");
