// SPDX-License-Identifier: GPL-2.0
/*
 * ok_irqthread - asks for an interrupt with a thread, and gives all of it back
 */
#include <linux/init.h>
#include <linux/interrupt.h>
#include <linux/module.h>

static int cookie;

static irqreturn_t ok_irqthread_quick(int irq, void *data)
{
	return IRQ_NONE;
}

static irqreturn_t ok_irqthread_slow(int irq, void *data)
{
	return IRQ_HANDLED;
}

static int __init ok_irqthread_init(void)
{
	int err;

	err = request_threaded_irq(5, ok_irqthread_quick, ok_irqthread_slow,
				   IRQF_SHARED, "ok_irqthread", &cookie);
	pr_info("ok_irqthread: got %d\n", err);
	if (err)
		return err;
	return 0;
}

static void __exit ok_irqthread_exit(void)
{
	free_irq(5, &cookie);
}

module_init(ok_irqthread_init);
module_exit(ok_irqthread_exit);
MODULE_DESCRIPTION("asks for an interrupt with a thread");
MODULE_LICENSE("GPL");
