// SPDX-License-Identifier: GPL-2.0
/*
 * unset_option - is built with an option that nothing sets
 */
#include <linux/init.h>
#include <linux/module.h>

static int __init unset_option_init(void)
{
	return 0;
}

static void __exit unset_option_exit(void)
{
}

module_init(unset_option_init);
module_exit(unset_option_exit);
MODULE_DESCRIPTION("is built with an option that nothing sets");
MODULE_LICENSE("GPL");
