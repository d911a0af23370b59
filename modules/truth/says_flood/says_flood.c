// SPDX-License-Identifier: GPL-2.0
/*
 * says_flood - prints ten thousand lines, and says goodbye
 *
 * Nothing is wrong. The first and the last lines are kept, and the rest is counted.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>
#include <linux/sched.h>

static int __init says_flood_init(void)
{
	int i;

	for (i = 0; i < 10000; i++) {
		pr_info("line %d of ten thousand\n", i);
		cond_resched();
	}
	return 0;
}

static void __exit says_flood_exit(void)
{
	pr_info("the last word\n");
}

module_init(says_flood_init);
module_exit(says_flood_exit);
MODULE_DESCRIPTION("prints ten thousand lines");
MODULE_LICENSE("GPL");
