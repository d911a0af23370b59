// SPDX-License-Identifier: GPL-2.0
/*
 * rcu_leak - frees with RCU, and forgets one object
 *
 * Purpose
 *	kfree_rcu() frees after the last reader is done: later, and in another
 *	context. That is no leak. An object that is never passed to it is one.
 *
 * Usage
 *	kmodlab run modules/faults/rcu_leak --load rcu_leak
 *
 * What you will see
 *	The verdict is leak: 40 bytes allocated in rcu_leak_init. The other
 *	two objects are not named; one of them is freed before unload.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

struct item {
	long key[3];
	struct rcu_head rcu;
};

static struct item *first, *second, *third;

static int __init rcu_leak_init(void)
{
	first = kzalloc(sizeof(*first), GFP_KERNEL);
	second = kzalloc(sizeof(*second), GFP_KERNEL);
	third = kzalloc(sizeof(*third), GFP_KERNEL); /* fault */
	if (!first || !second || !third) {
		kfree(first);
		kfree(second);
		kfree(third);
		return -ENOMEM;
	}
	kfree_rcu(first, rcu);
	return 0;
}

static void __exit rcu_leak_exit(void)
{
	kfree_rcu(second, rcu);
}

module_init(rcu_leak_init);
module_exit(rcu_leak_exit);

MODULE_DESCRIPTION("Frees with RCU, and forgets one object");
MODULE_LICENSE("GPL");
