// SPDX-License-Identifier: GPL-2.0
/*
 * le_plain - a module whose init returns what it is told to
 *
 * insmod le_plain.ko ret=-19 fails with ENODEV, like a driver that finds no device.
 * ret=-17 is EEXIST, which looks like a module that is already loaded. ret=1 is
 * not a value that an init function may return: the kernel warns and keeps the
 * module.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/moduleparam.h>

static int ret;
module_param(ret, int, 0444);
MODULE_PARM_DESC(ret, "what init returns");

static int count = 1;
module_param(count, int, 0444);
MODULE_PARM_DESC(count, "a number");

static char label[8] = "none";
module_param_string(label, label, sizeof(label), 0444);
MODULE_PARM_DESC(label, "a text of at most 7 bytes");

static bool loud;
module_param(loud, bool, 0644);
MODULE_PARM_DESC(loud, "say something");

static int __init le_plain_init(void)
{
	if (loud)
		pr_info("count %d, label %s\n", count, label);
	return ret;
}

static void __exit le_plain_exit(void)
{
}

module_init(le_plain_init);
module_exit(le_plain_exit);

MODULE_DESCRIPTION("kmodlab: an init function that returns what it is told to");
MODULE_ALIAS("le-alias-*");
MODULE_LICENSE("GPL");
