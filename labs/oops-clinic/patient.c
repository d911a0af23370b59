// SPDX-License-Identifier: GPL-2.0
/*
 * patient - a module that crashes; find out why, and leave it as it is
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

#include "ward.h"

static struct task_struct *nurse;

static noinline void visit(u32 number)
{
	struct bed *bed;

	down_write(&ward_lock);
	bed = find_bed(number);
	bed->visits++;
	up_write(&ward_lock);
}

static int make_rounds(void *unused)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(the_round); i++) {
		visit(the_round[i]);
		msleep(20);
	}
	while (!kthread_should_stop())
		schedule_timeout_interruptible(HZ);
	return all_visits();
}

static int __init startup(void)
{
	open_ward();
	nurse = kthread_create(make_rounds, NULL, "nurse");
	if (IS_ERR(nurse))
		return PTR_ERR(nurse);
	get_task_struct(nurse);
	wake_up_process(nurse);
	return 0;
}

static void __exit cleanup(void)
{
	pr_info("%d visits\n", kthread_stop(nurse));
	put_task_struct(nurse);
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("A module that crashes");
