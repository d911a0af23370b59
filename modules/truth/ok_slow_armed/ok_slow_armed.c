// SPDX-License-Identifier: GPL-2.0
/*
 * ok_slow_armed - exit waits for a thread, and the thread for a timer that fires after 14 s
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/task.h>
#include <linux/timer.h>

static DECLARE_COMPLETION(fired);
static struct timer_list timer;
static struct task_struct *thread;

static void tick(struct timer_list *unused)
{
	complete(&fired);
}

static int wait_fn(void *unused)
{
	wait_for_completion(&fired);
	pr_info("ok_slow_armed: fired\n");
	return 0;
}

static int __init ok_slow_armed_init(void)
{
	thread = kthread_create(wait_fn, NULL, "ok_slow_armed");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	get_task_struct(thread);
	timer_setup(&timer, tick, 0);
	mod_timer(&timer, jiffies + 14 * HZ);
	wake_up_process(thread);
	return 0;
}

static void __exit ok_slow_armed_exit(void)
{
	kthread_stop(thread);
	put_task_struct(thread);
}

module_init(ok_slow_armed_init);
module_exit(ok_slow_armed_exit);
MODULE_DESCRIPTION(
	"exit waits for a thread, and the thread for a timer that fires after 14 s");
MODULE_LICENSE("GPL");
