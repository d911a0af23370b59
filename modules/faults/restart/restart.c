// SPDX-License-Identifier: GPL-2.0
/*
 * restart - restarts the machine
 *
 * Purpose
 *	emergency_restart() restarts at once, without a shutdown.
 *
 * Usage
 *	kmodlab run modules/faults/restart
 *
 * What you will see
 *	The guest disappears without a message; the verdict is lost.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>
#include <linux/reboot.h>

static int __init restart_init(void)
{
	emergency_restart(); /* fault */
	return 0;
}

static void __exit restart_exit(void)
{
}

module_init(restart_init);
module_exit(restart_exit);

MODULE_DESCRIPTION("Restarts the machine");
MODULE_LICENSE("GPL");
