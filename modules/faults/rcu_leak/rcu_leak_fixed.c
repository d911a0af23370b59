// SPDX-License-Identifier: GPL-2.0
/*
 * rcu_leak_fixed - frees all its objects with RCU
 *
 * Purpose
 *	Like rcu_leak.c, but the exit function also passes the third object to
 *	kfree_rcu().
 *
 *	To see the difference: diff -u rcu_leak.c rcu_leak_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/rcu_leak --load rcu_leak_fixed
 *
 * What you will see
 *	The verdict is pass.
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
	third = kzalloc(sizeof(*third), GFP_KERNEL);
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
	kfree_rcu(third, rcu);
}

module_init(rcu_leak_init);
module_exit(rcu_leak_exit);

MODULE_DESCRIPTION("Frees all its objects with RCU");
MODULE_LICENSE("GPL");
