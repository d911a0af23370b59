// SPDX-License-Identifier: GPL-2.0
/*
 * memory_hog - allocates all memory
 *
 * Purpose
 *	It allocates pages until none are left: large blocks first, because
 *	that is fast, then single pages.
 *
 * Usage
 *	kmodlab run modules/faults/memory_hog
 *
 * What you will see
 *	The kernel kills every process that it may kill, and panics when only
 *	init is left; the verdict is panic, with memory as its reason.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sizes.h>

static int __init memory_hog_init(void)
{
	const unsigned int order = get_order(SZ_1M);
	unsigned long n = 0;

	while (alloc_pages(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN, order))
		n += 1UL << order;
	while (alloc_page(GFP_KERNEL | __GFP_NOFAIL)) /* fault */
		n++;
	pr_info("%lu pages\n", n);
	return -ENOMEM;
}

static void __exit memory_hog_exit(void)
{
}

module_init(memory_hog_init);
module_exit(memory_hog_exit);

MODULE_DESCRIPTION("Allocates all memory");
MODULE_LICENSE("GPL");
