// SPDX-License-Identifier: GPL-2.0
/*
 * spinlock_twice - takes its spinlock twice
 *
 * Purpose
 *	A spinlock does not know its holder, so the holder waits for itself.
 *
 * Usage
 *	kmodlab run modules/faults/spinlock_twice
 *
 * What you will see
 *	The verdict is lockup; the call trace shows total under
 *	spinlock_twice_init.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>
#include <linux/spinlock.h>

static DEFINE_SPINLOCK(lock);
static int count;

static noinline int total(void)
{
	int n;

	spin_lock(&lock); /* fault */
	n = count;
	spin_unlock(&lock);
	return n;
}

static int __init spinlock_twice_init(void)
{
	spin_lock(&lock);
	count++;
	pr_info("total %d\n", total());
	spin_unlock(&lock);
	return 0;
}

static void __exit spinlock_twice_exit(void)
{
}

module_init(spinlock_twice_init);
module_exit(spinlock_twice_exit);

MODULE_DESCRIPTION("Takes its spinlock twice");
MODULE_LICENSE("GPL");
