// SPDX-License-Identifier: GPL-2.0
/*
 * irq_off - loops forever with interrupts off
 *
 * Purpose
 *	No timer and no watchdog interrupts this processor, so the kernel
 *	itself cannot notice.
 *
 * Usage
 *	kmodlab run modules/faults/irq_off
 *
 * What you will see
 *	The verdict is lockup, in irq_off_init.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/processor.h>
#include <linux/init.h>
#include <linux/irqflags.h>
#include <linux/module.h>

static int ready;

static int __init irq_off_init(void)
{
	local_irq_disable();
	for (; !READ_ONCE(ready); cpu_relax()) /* fault */
		;
	local_irq_enable();
	return 0;
}

static void __exit irq_off_exit(void)
{
}

module_init(irq_off_init);
module_exit(irq_off_exit);

MODULE_DESCRIPTION("Loops forever with interrupts off");
MODULE_LICENSE("GPL");
