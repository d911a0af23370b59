// SPDX-License-Identifier: GPL-2.0
/*
 * request_deadly - a module that kills whoever loads it
 *
 * Purpose
 *	Kills the modprobe of request_answers with a signal, to show what
 *	request_module() returns in that case.
 *
 * Usage
 *	request_answers loads it through request_module(). If you load it by hand, it
 *	kills your modprobe, and is loaded nevertheless.
 *
 * What you will see
 *	modprobe ends with "Killed". lsmod shows request_deadly: its init
 *	function returned 0 before the signal took effect.
 *
 * Kernels 5.10 to 7.3.
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

/* A signal takes effect when the process is about to return to user space. */
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
