/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RECEIVER_H
#define RECEIVER_H

#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/sched.h>

/* Whom poke sends a signal to, NULL until it was made known. */
extern struct task_struct *receiver_task;

/* poke has sent its signal. */
extern struct completion poked;

/*
 * publish - make the thread known to everybody
 *
 * From here on, signals may come at any moment. To show the worst one, this
 * waits until the first has been sent, up to five seconds.
 */
static inline void publish(struct task_struct *task)
{
	WRITE_ONCE(receiver_task, task);
	wait_for_completion_timeout(&poked, 5 * HZ);
}

#endif /* RECEIVER_H */
