// SPDX-License-Identifier: GPL-2.0
/* Asks for a module that it can do without. */
#include <linux/kmod.h>
#include <linux/module.h>

static int __init asks_init(void)
{
	int ret = request_module("fail_nobody"); /* fails */

	pr_info("request_module returned %d\n", ret);
	return 0;
}

static void __exit asks_exit(void)
{
}

module_init(asks_init);
module_exit(asks_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Asks for a module");
