// SPDX-License-Identifier: GPL-2.0
/*
 * killed_loader - a timer of its own kills the process that loads it
 */
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/timer.h>
#include <linux/version.h>

/* timer_delete_sync() was added in 6.2, del_timer_sync() was removed in 6.15. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define timer_delete_sync del_timer_sync
#endif

static struct task_struct *loader;
static struct timer_list timer;
static bool fired;

static void fire(struct timer_list *t)
{
	send_sig(SIGKILL, loader, 1);
	fired = true;
}

static int __init killed_loader_init(void)
{
	loader = get_task_struct(current);
	timer_setup(&timer, fire, 0);
	mod_timer(&timer, jiffies + HZ / 5);
	msleep_interruptible(5000);
	return 0;
}

static void __exit killed_loader_exit(void)
{
	timer_delete_sync(&timer);
	put_task_struct(loader);
}

module_init(killed_loader_init);
module_exit(killed_loader_exit);
MODULE_DESCRIPTION("a timer of its own kills the process that loads it");
MODULE_LICENSE("GPL");
