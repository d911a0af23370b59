// SPDX-License-Identifier: GPL-2.0
/*
 * warn - runs into WARN()
 *
 * Purpose
 *	WARN() only reports: the module loads and unloads as if nothing were
 *	wrong.
 *
 * Usage
 *	kmodlab run modules/faults/warn
 *
 * What you will see
 *	The verdict is oops: WARNING, with the module's message.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bug.h>
#include <linux/init.h>
#include <linux/module.h>

static int limit = 3;

static int __init warn_init(void)
{
	int n = READ_ONCE(limit);

	WARN(n < 10, "limit %d is too small\n", n); /* fault */
	return 0;
}

static void __exit warn_exit(void)
{
}

module_init(warn_init);
module_exit(warn_exit);

MODULE_DESCRIPTION("Runs into WARN()");
MODULE_LICENSE("GPL");
