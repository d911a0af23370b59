// SPDX-License-Identifier: GPL-2.0
/*
 * A kernel thread of kmodlab_calls that waits until somebody wakes it: the caller
 * of an ioctl, which the tracer must tell, or a timer, which may interrupt a
 * program that has nothing to do with it.
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/timer.h>
#include <linux/version.h>
#include <linux/wait.h>

#include "calls.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define timer_delete_sync del_timer_sync
#endif

static DECLARE_WAIT_QUEUE_HEAD(bell);
static struct task_struct *waiter;
static unsigned long rung, heard;
static unsigned int by_timer;

static int wait_for_bell(void *unused)
{
	while (!kthread_should_stop()) {
		wait_event_interruptible(bell, READ_ONCE(rung) != heard ||
						       kthread_should_stop());
		WRITE_ONCE(heard, READ_ONCE(rung));
	}
	return 0;
}

/*
 * Wakes the thread, which sleeps or is about to, exactly once: it sees that the
 * bell rang only when the lock is free again.
 */
static bool ring(void)
{
	unsigned long flags;
	bool waits;

	spin_lock_irqsave(&bell.lock, flags);
	waits = waitqueue_active(&bell) && READ_ONCE(heard) == rung;
	if (waits) {
		wake_up_locked(&bell);
		WRITE_ONCE(rung, rung + 1);
	}
	spin_unlock_irqrestore(&bell.lock, flags);
	return waits;
}

long calls_ring(unsigned long times)
{
	while (times) {
		if (fatal_signal_pending(current))
			return -EINTR;
		if (ring())
			times--;
		else
			yield();
	}
	return 0;
}

static void ring_later(struct timer_list *t);
static DEFINE_TIMER(timer, ring_later);

static void ring_later(struct timer_list *t)
{
	if (ring())
		WRITE_ONCE(by_timer, by_timer + 1);
	else
		mod_timer(&timer, jiffies + 1);
}

/* Returns how often the timer rang. */
long calls_ring_later(unsigned long how)
{
	unsigned int before = READ_ONCE(by_timer);

	if (how == CALLS_RUNG)
		return before;
	/* What spins here may keep the thread from the CPU on which it would go to sleep. */
	while (!waitqueue_active(&bell) ||
	       READ_ONCE(heard) != READ_ONCE(rung)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		yield();
	}
	mod_timer(&timer, jiffies + 2);
	while (how == CALLS_SPIN && READ_ONCE(by_timer) == before) {
		if (fatal_signal_pending(current))
			return -EINTR;
		/* Old kernels run no timer while ksoftirqd waits for the CPU. */
		cond_resched();
	}
	return 0;
}

int calls_bell_init(void)
{
	waiter = kthread_run(wait_for_bell, NULL, "kmodlab_bell");
	return PTR_ERR_OR_ZERO(waiter);
}

void calls_bell_exit(void)
{
	timer_delete_sync(&timer);
	kthread_stop(waiter);
}
