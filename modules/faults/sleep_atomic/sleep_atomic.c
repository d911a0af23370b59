// SPDX-License-Identifier: GPL-2.0
/*
 * sleep_atomic - sleeps while it holds a spinlock
 *
 * Purpose
 *	Nothing may sleep under a spinlock. The _bh variant counts in
 *	preempt_count on every kernel, so the scheduler notices.
 *
 * Usage
 *	kmodlab run modules/faults/sleep_atomic
 *
 * What you will see
 *	The verdict is oops: BUG: scheduling while atomic.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/spinlock.h>

static DEFINE_SPINLOCK(lock);

static int __init sleep_atomic_init(void)
{
	spin_lock_bh(&lock);
	msleep(20); /* fault */
	spin_unlock_bh(&lock);
	return 0;
}

static void __exit sleep_atomic_exit(void)
{
}

module_init(sleep_atomic_init);
module_exit(sleep_atomic_exit);

MODULE_DESCRIPTION("Sleeps while it holds a spinlock");
MODULE_LICENSE("GPL");
