// SPDX-License-Identifier: GPL-2.0
/*
 * spin_count - init counts for ever
 */
#include <linux/init.h>
#include <linux/module.h>

static int __init spin_count_init(void)
{
	unsigned long n = 0;

	pr_info("spin_count: one, two, three\n");
	for (;;)
		WRITE_ONCE(n, n + 1);
	return 0;
}

static void __exit spin_count_exit(void)
{
}

module_init(spin_count_init);
module_exit(spin_count_exit);
MODULE_DESCRIPTION("init counts for ever");
MODULE_LICENSE("GPL");
