// SPDX-License-Identifier: GPL-2.0
/*
 * null_call - calls an operation that nobody set
 */
#include <linux/init.h>
#include <linux/module.h>

struct operations {
	int (*open)(void);
};

static struct operations operations;

static int __init null_call_init(void)
{
	int ret = operations.open();

	pr_info("null_call: %d\n", ret);
	return ret;
}

static void __exit null_call_exit(void)
{
}

module_init(null_call_init);
module_exit(null_call_exit);
MODULE_DESCRIPTION("calls an operation that nobody set");
MODULE_LICENSE("GPL");
