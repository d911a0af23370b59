/* SPDX-License-Identifier: GPL-2.0 */
/*
 * signals - what the two modules share, and how their threads sleep
 *
 * The lab's own: what you change here does not count.
 *
 * Kernels 5.10 to 7.3.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/types.h>

/* How many signals K2 sends, and how long it waits before each of them. */
#define SIGNALS 2
#define PERIOD (HZ / 5)

/*
 * The pid of K1, or 0 while K1 takes no signals. Written with smp_store_release(),
 * read with smp_load_acquire().
 */
extern pid_t kthread_pid;

/* Sleeps for a time in jiffies, until a signal comes, or until kthread_stop(). */
static inline void sleep_for(long time)
{
	set_current_state(TASK_INTERRUPTIBLE);
	if (!kthread_should_stop())
		schedule_timeout(time);
	__set_current_state(TASK_RUNNING);
}

/* Sleeps until kthread_stop(). */
static inline void sleep_until_stopped(void)
{
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

#endif
