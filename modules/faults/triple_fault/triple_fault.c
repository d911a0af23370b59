// SPDX-License-Identifier: GPL-2.0
/*
 * triple_fault - takes the interrupt table away from the processor
 *
 * Purpose
 *	The next trap finds no handler, and neither do the faults that follow
 *	from it: the processor shuts down, and the board resets it.
 *
 * Usage
 *	kmodlab run modules/faults/triple_fault
 *
 * What you will see
 *	The guest disappears without a message; the verdict is lost.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/desc_defs.h>
#include <linux/init.h>
#include <linux/module.h>

static int __init triple_fault_init(void)
{
	struct desc_ptr none = {};

	asm volatile("lidt %0; int3" : : "m"(none)); /* fault */
	return 0;
}

static void __exit triple_fault_exit(void)
{
}

module_init(triple_fault_init);
module_exit(triple_fault_exit);

MODULE_DESCRIPTION("Takes the interrupt table away from the processor");
MODULE_LICENSE("GPL");
