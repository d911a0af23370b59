// SPDX-License-Identifier: GPL-2.0
/*
 * le_leak - a module that takes a reference to itself and never puts it
 *
 * Its refcount is 1, and no module holds it: rmmod fails with EAGAIN until the
 * machine is restarted.
 */
#include <linux/module.h>

static int __init le_leak_init(void)
{
	return try_module_get(THIS_MODULE) ? 0 : -ENODEV;
}

static void __exit le_leak_exit(void)
{
}

module_init(le_leak_init);
module_exit(le_leak_exit);

MODULE_DESCRIPTION("kmodlab: leaks a reference to itself");
MODULE_LICENSE("GPL");
