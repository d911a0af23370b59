// SPDX-License-Identifier: GPL-2.0
/*
 * pid_leak - takes a reference to a pid and keeps it
 *
 * Purpose
 *	find_get_pid() takes a reference; without put_pid() the struct pid is
 *	never freed. (Put it, or use pid_task() under RCU.)
 *
 * Usage
 *	kmodlab run modules/faults/pid_leak --load pid_leak
 *
 * What you will see
 *	The verdict is leak: a reference to a pid, taken in pid_leak_init, was
 *	not put.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>
#include <linux/pid.h>

static int __init pid_leak_init(void)
{
	struct pid *pid = find_get_pid(1); /* fault */

	pr_info("pid %d\n", pid_nr(pid));
	return 0;
}

static void __exit pid_leak_exit(void)
{
}

module_init(pid_leak_init);
module_exit(pid_leak_exit);

MODULE_DESCRIPTION("Takes a reference to a pid and keeps it");
MODULE_LICENSE("GPL");
