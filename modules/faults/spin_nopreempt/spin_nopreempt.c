// SPDX-License-Identifier: GPL-2.0
/*
 * spin_nopreempt - loops forever with preemption off
 *
 * Purpose
 *	Not even a preemptible kernel gets the processor back.
 *
 * Usage
 *	kmodlab run modules/faults/spin_nopreempt
 *
 * What you will see
 *	The verdict is lockup, in spin_nopreempt_init.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/processor.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/preempt.h>

static int ready;

static int __init spin_nopreempt_init(void)
{
	preempt_disable();
	for (; !READ_ONCE(ready); cpu_relax()) /* fault */
		;
	preempt_enable();
	return 0;
}

static void __exit spin_nopreempt_exit(void)
{
}

module_init(spin_nopreempt_init);
module_exit(spin_nopreempt_exit);

MODULE_DESCRIPTION("Loops forever with preemption off");
MODULE_LICENSE("GPL");
