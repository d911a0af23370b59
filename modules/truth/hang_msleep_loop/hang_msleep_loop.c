// SPDX-License-Identifier: GPL-2.0
/*
 * hang_msleep_loop - a thread that sleeps again and again, and never looks if it should stop
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kthread.h>
#include <linux/module.h>

static struct task_struct *thread;
static int rounds;

static int work_fn(void *unused)
{
	for (;;) {
		rounds++;
		msleep(30);
	}
	return 0;
}

static int __init hang_msleep_loop_init(void)
{
	thread = kthread_run(work_fn, NULL, "hang_msleep_loop");
	return PTR_ERR_OR_ZERO(thread);
}

static void __exit hang_msleep_loop_exit(void)
{
	kthread_stop(thread);
	pr_info("hang_msleep_loop: stopped\n");
}

module_init(hang_msleep_loop_init);
module_exit(hang_msleep_loop_exit);
MODULE_DESCRIPTION(
	"a thread that sleeps again and again, and never looks if it should stop");
MODULE_LICENSE("GPL");
