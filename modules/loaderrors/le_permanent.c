// SPDX-License-Identifier: GPL-2.0
/*
 * le_permanent - a module that forgot its exit function
 *
 * The kernel marks it [permanent]: rmmod always fails with EBUSY.
 */
#include <linux/module.h>

static int __init le_permanent_init(void)
{
	return 0;
}
module_init(le_permanent_init);

MODULE_DESCRIPTION("kmodlab: has an init function and no exit function");
MODULE_LICENSE("GPL");
