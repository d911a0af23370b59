// SPDX-License-Identifier: GPL-2.0
/*
 * plugin - a module that needs base
 *
 * The lab's own: what you change here does not count.
 *
 * Kernels 5.10 to 7.3.
 */
#include <linux/init.h>
#include <linux/module.h>

#include "registry.h"

static int __init startup(void)
{
	base_register("the plugin");
	return 0;
}

static void __exit cleanup(void)
{
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("A plugin of base");
