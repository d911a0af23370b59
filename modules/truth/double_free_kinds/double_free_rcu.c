// SPDX-License-Identifier: GPL-2.0
/*
 * double_free_rcu - frees in an RCU callback what exit frees again
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

struct node {
	struct rcu_head rcu;
	char text[1500];
};

static struct node *a;
static struct node *b;

static void double_free_rcu_free(struct rcu_head *head)
{
	kfree(container_of(head, struct node, rcu));
	pr_info("double_free_rcu: freed\n");
}

static int __init double_free_rcu_init(void)
{
	a = kzalloc(sizeof(*a), GFP_KERNEL);
	b = kzalloc(sizeof(*b), GFP_KERNEL);
	return a && b ? 0 : -ENOMEM;
}

static void __exit double_free_rcu_exit(void)
{
	call_rcu(&a->rcu, double_free_rcu_free);
	rcu_barrier();
	kfree(b);
	kfree(a);
	pr_info("double_free_rcu: bye\n");
}

module_init(double_free_rcu_init);
module_exit(double_free_rcu_exit);
MODULE_DESCRIPTION("frees memory in a callback and again");
MODULE_LICENSE("GPL");
