// SPDX-License-Identifier: GPL-2.0
/*
 * ask - the part of the module base that has its plugin loaded
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kmod.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

static struct task_struct *asker;

/* The thread's function. It returns what request_module() returned. */
static int ask_for_plugin(void *unused)
{
	int answer = 0;

	//> TODO 1: ask for the module "plugin", once, and wait for the answer. Print
	//> what came of it. Then wait until the thread is asked to stop.
	//>2 request_module() waits, request_module_nowait() does not.
	//>3 set_current_state(TASK_INTERRUPTIBLE), then look at
	//>3 kthread_should_stop(), then schedule().
	answer = request_module("plugin");
	if (answer)
		pr_warn("there is no plugin: %d\n", answer);

	set_current_state(TASK_INTERRUPTIBLE);
	while (!kthread_should_stop()) {
		schedule();
		set_current_state(TASK_INTERRUPTIBLE);
	}
	__set_current_state(TASK_RUNNING);
	//<

	return answer;
}

static int __init startup(void)
{
	//> TODO 2: have the plugin asked for by a thread "asker" that runs
	//> ask_for_plugin(), and do not wait for it here: the plugin cannot be loaded
	//> before this function has returned. If there is no thread, the module does
	//> not load.
	asker = kthread_run(ask_for_plugin, NULL, "asker");
	return PTR_ERR_OR_ZERO(asker);
	//- pr_info("nobody runs %ps() yet\n", ask_for_plugin);
	//- return 0;
	//<
}

static void __exit cleanup(void)
{
	//> TODO 3: stop the thread.
	kthread_stop(asker);
	//- pr_info("%p is not stopped\n", asker);
	//<
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("A module that has its plugin loaded");
