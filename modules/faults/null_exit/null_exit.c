// SPDX-License-Identifier: GPL-2.0
/*
 * null_exit - dereferences a NULL pointer while it unloads
 *
 * Purpose
 *	A module whose exit function dies stays half unloaded forever.
 *
 * Usage
 *	kmodlab run modules/faults/null_exit
 *
 * What you will see
 *	modprobe -r is killed; the verdict is oops: NULL pointer dereference
 *	in null_exit.
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

static int __init null_exit_init(void)
{
	return 0;
}

static void __exit null_exit(void)
{
	struct item *item = find_item(1);

	pr_info("value %d\n", item->value); /* fault */
}

module_init(null_exit_init);
module_exit(null_exit);

MODULE_DESCRIPTION("Dereferences a NULL pointer while it unloads");
MODULE_LICENSE("GPL");
