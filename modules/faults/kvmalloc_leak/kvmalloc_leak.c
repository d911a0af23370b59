// SPDX-License-Identifier: GPL-2.0
/*
 * kvmalloc_leak - does not free memory from kvmalloc()
 *
 * Purpose
 *	kvmalloc() uses kmalloc() or vmalloc(), depending on the size.
 *	kvfree() frees memory from either.
 *
 * Usage
 *	kmodlab run modules/faults/kvmalloc_leak --load kvmalloc_leak
 *
 * What you will see
 *	The verdict is leak: 3000 and 300000 bytes, allocated in
 *	kvmalloc_leak_init.
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
	small = kvmalloc(3000, GFP_KERNEL); /* fault */
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
}

module_init(kvmalloc_leak_init);
module_exit(kvmalloc_leak_exit);

MODULE_DESCRIPTION("Does not free memory from kvmalloc()");
MODULE_LICENSE("GPL");
