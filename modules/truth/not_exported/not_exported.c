// SPDX-License-Identifier: GPL-2.0
/*
 * not_exported - uses a function that the kernel keeps for itself
 */
#include <linux/init.h>
#include <linux/kallsyms.h>
#include <linux/module.h>

static int __init not_exported_init(void)
{
	return kallsyms_lookup_name("jiffies") ? 0 : -ENOENT;
}

static void __exit not_exported_exit(void)
{
}

module_init(not_exported_init);
module_exit(not_exported_exit);
MODULE_DESCRIPTION("uses a function that the kernel keeps for itself");
MODULE_LICENSE("GPL");
