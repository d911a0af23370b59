/* SPDX-License-Identifier: GPL-2.0 */
/*
 * desk - how the client and the server of the office talk to each other
 *
 * The lab's own: what you change here does not count.
 *
 * Kernels 5.10 to 7.3.
 */
#ifndef DESK_H
#define DESK_H

#include <linux/compiler.h>
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <linux/wait.h>

static DECLARE_WAIT_QUEUE_HEAD(desk);
static DECLARE_COMPLETION(answered);
static bool asked;

/* Asks the server, and waits for its answer, however long that takes. */
static void ask(void)
{
	WRITE_ONCE(asked, true);
	wake_up(&desk);
	wait_for_completion(&answered);
}

/*
 * Waits until the server is asked, answers, and rests for a while. Returns false if
 * nobody has asked, and the thread that runs here is to stop.
 */
static bool serve(void)
{
	wait_event_interruptible(desk,
				 READ_ONCE(asked) || kthread_should_stop());
	if (!READ_ONCE(asked))
		return false;
	WRITE_ONCE(asked, false);
	complete(&answered);
	schedule_timeout_uninterruptible(HZ / 50);
	return true;
}

#endif
