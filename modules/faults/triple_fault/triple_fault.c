// SPDX-License-Identifier: GPL-2.0
/*
 * triple_fault - takes the processor's table of interrupts away
 *
 * Purpose
 *	The next trap finds no handler, nor does the fault of that: the
 *	processor shuts down, and the board resets it.
 *
 * Usage
 *	kmodlab run modules/faults/triple_fault
 *
 * What you will see
 *	The guest is gone without a word of its kernel; the verdict is lost.
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

MODULE_DESCRIPTION("Takes the processor's table of interrupts away");
MODULE_LICENSE("GPL");
