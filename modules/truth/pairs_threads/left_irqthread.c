// SPDX-License-Identifier: GPL-2.0
/*
 * left_irqthread - asks for an interrupt with a thread, and gives nothing back
 */
#include <linux/init.h>
#include <linux/interrupt.h>
#include <linux/module.h>

static int cookie;

static irqreturn_t left_irqthread_quick(int irq, void *data)
{
	return IRQ_NONE;
}

static irqreturn_t left_irqthread_slow(int irq, void *data)
{
	return IRQ_HANDLED;
}

static int __init left_irqthread_init(void)
{
	int err;

	err = request_threaded_irq(5, left_irqthread_quick, left_irqthread_slow,
				   IRQF_SHARED, "left_irqthread", &cookie);
	pr_info("left_irqthread: got %d\n", err);
	if (err)
		return err;
	return 0;
}

static void __exit left_irqthread_exit(void)
{
	pr_info("left_irqthread: nothing is given back\n");
}

module_init(left_irqthread_init);
module_exit(left_irqthread_exit);
MODULE_DESCRIPTION("asks for an interrupt with a thread");
MODULE_LICENSE("GPL");
