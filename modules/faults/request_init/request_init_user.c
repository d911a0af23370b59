// SPDX-License-Identifier: GPL-2.0
/*
 * request_init_user - needs a symbol of request_init
 *
 * Purpose
 *	The other half of request_init.
 *
 * Usage
 *	loaded by request_init
 *
 * What you will see
 *	See request_init.c.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>

int request_init_answer(void);

static int __init request_init_user_init(void)
{
	pr_info("the answer is %d\n", request_init_answer());
	return 0;
}

static void __exit request_init_user_exit(void)
{
}

module_init(request_init_user_init);
module_exit(request_init_user_exit);

MODULE_DESCRIPTION("Needs a symbol of request_init");
MODULE_LICENSE("GPL");
