// SPDX-License-Identifier: GPL-2.0
/*
 * bug - runs into BUG()
 *
 * Purpose
 *	BUG() says "this cannot happen". If it does, the task is killed.
 *
 * Usage
 *	kmodlab run modules/faults/bug
 *
 * What you will see
 *	The verdict is oops: kernel BUG, with the file and line in bug.c.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bug.h>
#include <linux/init.h>
#include <linux/module.h>

static int limit = 3;

static int __init bug_init(void)
{
	BUG_ON(READ_ONCE(limit) < 10); /* fault */
	return 0;
}

static void __exit bug_exit(void)
{
}

module_init(bug_init);
module_exit(bug_exit);

MODULE_DESCRIPTION("Runs into BUG()");
MODULE_LICENSE("GPL");
