// SPDX-License-Identifier: GPL-2.0
/*
 * null_init - follows a NULL pointer while it loads
 *
 * Purpose
 *	The most frequent fault of all: a function may return NULL, and the
 *	caller does not look.
 *
 * Usage
 *	kmodlab run modules/faults/null_init
 *
 * What you will see
 *	modprobe is killed by the kernel, the verdict is oops: NULL pointer
 *	dereference in null_init. The module can not be unloaded any more.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>

struct item {
	int id;
	int value;
};

/* Knows no item. The caller has to look at what it gets. */
static noinline struct item *find_item(int id)
{
	return NULL;
}

static int __init null_init(void)
{
	struct item *item = find_item(1);

	pr_info("value %d\n", item->value); /* fault */
	return 0;
}

static void __exit null_exit(void)
{
}

module_init(null_init);
module_exit(null_exit);

MODULE_DESCRIPTION("Follows a NULL pointer while it loads");
MODULE_LICENSE("GPL");
