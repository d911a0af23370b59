// SPDX-License-Identifier: GPL-2.0
#include <linux/kmod.h>
#include <linux/module.h>

/* Asks for the other module, which the guest has or not. */
static int __init asker_init(void)
{
	pr_info("request_module returned %d\n", request_module("answerer"));
	return 0;
}
module_init(asker_init);

static void __exit asker_exit(void)
{
}
module_exit(asker_exit);

MODULE_LICENSE("GPL");
