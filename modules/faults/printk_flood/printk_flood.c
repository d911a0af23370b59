// SPDX-License-Identifier: GPL-2.0
/*
 * printk_flood - prints without end
 *
 * Purpose
 *	The console is slow, and whoever prints has to wait for it.
 *
 * Usage
 *	kmodlab run modules/faults/printk_flood
 *
 * What you will see
 *	The load never ends; the verdict is lockup, in printk_flood_init.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>

static int __init printk_flood_init(void)
{
	unsigned long n = 0;

	for (;;)
		pr_err("line %lu of a story without end\n", n++); /* fault */
	return 0;
}

static void __exit printk_flood_exit(void)
{
}

module_init(printk_flood_init);
module_exit(printk_flood_exit);

MODULE_DESCRIPTION("Prints without end");
MODULE_LICENSE("GPL");
