// SPDX-License-Identifier: GPL-2.0
/*
 * refuse_loud - prints many lines and then refuses to load
 */
#include <linux/init.h>
#include <linux/module.h>

static int __init refuse_loud_init(void)
{
	int i;

	for (i = 1; i < 10; i++)
		pr_info("looking at slot %d\n", i);
	pr_err("no card in any slot\n");
	return -ENODEV;
}

static void __exit refuse_loud_exit(void)
{
}

module_init(refuse_loud_init);
module_exit(refuse_loud_exit);
MODULE_DESCRIPTION("prints many lines and then refuses to load");
MODULE_LICENSE("GPL");
