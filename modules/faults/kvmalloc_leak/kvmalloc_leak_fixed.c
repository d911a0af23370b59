// SPDX-License-Identifier: GPL-2.0
/*
 * kvmalloc_leak_fixed - frees its memory from kvmalloc()
 *
 * Purpose
 *	Like kvmalloc_leak.c, but the exit function frees both with kvfree().
 *
 *	To see the difference: diff -u kvmalloc_leak.c kvmalloc_leak_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/kvmalloc_leak --load kvmalloc_leak_fixed
 *
 * What you will see
 *	The verdict is pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

static void *small, *large;

static int __init kvmalloc_leak_init(void)
{
	small = kvmalloc(3000, GFP_KERNEL);
	large = kvmalloc(300000, GFP_KERNEL);
	if (!small || !large) {
		kvfree(small);
		kvfree(large);
		return -ENOMEM;
	}
	return 0;
}

static void __exit kvmalloc_leak_exit(void)
{
	kvfree(small);
	kvfree(large);
}

module_init(kvmalloc_leak_init);
module_exit(kvmalloc_leak_exit);

MODULE_DESCRIPTION("Frees its memory from kvmalloc()");
MODULE_LICENSE("GPL");
