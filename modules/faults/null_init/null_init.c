// SPDX-License-Identifier: GPL-2.0
/*
 * null_init - dereferences a NULL pointer while it loads
 *
 * Purpose
 *	The most common fault of all: a function may return NULL, and its
 *	caller does not check.
 *
 * Usage
 *	kmodlab run modules/faults/null_init
 *
 * What you will see
 *	The kernel kills modprobe; the verdict is oops: NULL pointer
 *	dereference in null_init. The module can no longer be unloaded.
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

/* Finds nothing. The caller has to check the result. */
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

MODULE_DESCRIPTION("Dereferences a NULL pointer while it loads");
MODULE_LICENSE("GPL");
