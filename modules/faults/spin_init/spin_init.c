// SPDX-License-Identifier: GPL-2.0
/*
 * spin_init - loops forever in init
 *
 * Purpose
 *	Nobody sets the flag that init waits for, and the loop does not yield
 *	the processor.
 *
 * Usage
 *	kmodlab run modules/faults/spin_init
 *
 * What you will see
 *	The verdict is lockup, in spin_init.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/processor.h>
#include <linux/init.h>
#include <linux/module.h>

static int ready;

static int __init spin_init(void)
{
	for (; !READ_ONCE(ready); cpu_relax()) /* fault */
		;
	return 0;
}

static void __exit spin_exit(void)
{
}

module_init(spin_init);
module_exit(spin_exit);

MODULE_DESCRIPTION("Loops forever in init");
MODULE_LICENSE("GPL");
