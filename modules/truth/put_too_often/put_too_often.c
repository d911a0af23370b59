// SPDX-License-Identifier: GPL-2.0
/*
 * put_too_often - drops a reference to itself that it does not have
 */
#include <linux/init.h>
#include <linux/module.h>

static int __init put_too_often_init(void)
{
	module_put(THIS_MODULE);
	module_put(THIS_MODULE);
	return 0;
}

static void __exit put_too_often_exit(void)
{
}

module_init(put_too_often_init);
module_exit(put_too_often_exit);
MODULE_DESCRIPTION("drops a reference to itself that it does not have");
MODULE_LICENSE("GPL");
