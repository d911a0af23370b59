// SPDX-License-Identifier: GPL-2.0
/*
 * answer - the module that is asked for, by its alias
 *
 * Kernels 5.10 to 7.3.
 */
#include <linux/init.h>
#include <linux/module.h>

static int __init startup(void)
{
	return 0;
}

static void __exit cleanup(void)
{
}

module_init(startup);
module_exit(cleanup);

MODULE_ALIAS("kmodlab-answer");
MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("Is asked for");
