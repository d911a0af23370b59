// SPDX-License-Identifier: GPL-2.0
/*
 * le_oops - an init function that the kernel kills
 *
 * The process that loads it is killed, and the module stays in the state coming:
 * it can be neither unloaded nor loaded again. Only for a throw-away VM.
 */
#include <linux/module.h>
#include <linux/moduleparam.h>

static ulong address = 8;
module_param(address, ulong, 0444);
MODULE_PARM_DESC(address, "where init reads from; nothing is mapped there");

static int __init le_oops_init(void)
{
	return *(int *)READ_ONCE(address);
}

static void __exit le_oops_exit(void)
{
}

module_init(le_oops_init);
module_exit(le_oops_exit);

MODULE_DESCRIPTION("kmodlab: reads from nowhere in its init function");
MODULE_LICENSE("GPL");
