// SPDX-License-Identifier: GPL-2.0
/*
 * request_deadly - a module that kills whoever loads it
 *
 * Purpose
 *	Has the modprobe of request_answers end by a signal, so that one can see what
 *	request_module() makes of it.
 *
 * Usage
 *	Loaded by request_answers through request_module(); by hand it kills the
 *	modprobe that you typed, and is loaded all the same.
 *
 * What you will see
 *	modprobe ends with "Killed". lsmod shows request_deadly: its init
 *	function returned 0, and only then the signal could act.
 *
 * Kernels 5.10 to 7.3.
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

/* A signal acts when the process is about to go back to user space. */
static int __init kill_my_loader(void)
{
	return send_sig(SIGKILL, current, 1);
}

static void __exit cleanup(void)
{
}

module_init(kill_my_loader);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("A module that kills its loader");
