/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ASKED_H
#define ASKED_H

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/types.h>

static bool window;
module_param(window, bool, 0444);
MODULE_PARM_DESC(window, "the stop comes right after asked() has looked");

/*
 * asked - is this thread asked to stop?
 *
 * A thread may lose the CPU for a while right after it has looked, and the stop
 * may come just then. With window, that happens each time: this waits until
 * the stop has come, up to twenty seconds, and tells what it saw before.
 */
static inline bool asked(void)
{
	bool stop = kthread_should_stop();
	unsigned long end = jiffies + 20 * HZ;

	if (!window || stop)
		return stop;
	while (!kthread_should_stop() && time_before(jiffies, end))
		cond_resched();
	mdelay(100); /* kthread_stop() wakes the thread a moment later */
	return stop;
}

#endif /* ASKED_H */
