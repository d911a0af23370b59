// SPDX-License-Identifier: GPL-2.0
/*
 * init_errno - its init returns the errno that a parameter gives
 */
#include <linux/init.h>
#include <linux/module.h>

static int err = 19;
module_param(err, int, 0444);
MODULE_PARM_DESC(err, "errno");

static int __init init_errno_init(void)
{
	return -err;
}

static void __exit init_errno_exit(void)
{
}

module_init(init_errno_init);
module_exit(init_errno_exit);
MODULE_DESCRIPTION("its init returns the errno that a parameter gives");
MODULE_LICENSE("GPL");
