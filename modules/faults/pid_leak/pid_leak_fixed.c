// SPDX-License-Identifier: GPL-2.0
/*
 * pid_leak_fixed - puts its reference to a pid
 *
 * Purpose
 *	Like pid_leak.c, but put_pid() follows find_get_pid().
 *
 *	To see the difference: diff -u pid_leak.c pid_leak_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/pid_leak --load pid_leak_fixed
 *
 * What you will see
 *	The verdict is pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>
#include <linux/pid.h>

static int __init pid_leak_init(void)
{
	struct pid *pid = find_get_pid(1);

	pr_info("pid %d\n", pid_nr(pid));
	put_pid(pid);
	return 0;
}

static void __exit pid_leak_exit(void)
{
}

module_init(pid_leak_init);
module_exit(pid_leak_exit);

MODULE_DESCRIPTION("Puts its reference to a pid");
MODULE_LICENSE("GPL");
