// SPDX-License-Identifier: GPL-2.0
/*
 * says_lines - one printk with three lines, and one line of three printks
 *
 * Nothing is wrong.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>

static int __init says_lines_init(void)
{
	int i;

	pr_info("first\nsecond %d\nthird\n", 2);
	pr_info("primes:");
	for (i = 2; i <= 5; i += i == 2 ? 1 : 2)
		pr_cont(" %d", i);
	pr_cont("\n");
	pr_info("gr\xc3\xbc\xc3\x9f\x65\n");
	return 0;
}

static void __exit says_lines_exit(void)
{
}

module_init(says_lines_init);
module_exit(says_lines_exit);
MODULE_DESCRIPTION("one printk with three lines, and one line of three printks");
MODULE_LICENSE("GPL");
