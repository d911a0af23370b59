// SPDX-License-Identifier: GPL-2.0
/*
 * timer_sleeps - sleeps in the handler of a timer
 */
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/timer.h>
#include <linux/version.h>

/* timer_delete_sync() was added in 6.2, del_timer_sync() was removed in 6.15. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define timer_delete_sync del_timer_sync
#endif

static struct timer_list timer;

static void tick(struct timer_list *t)
{
	msleep(20);
}

static int __init timer_sleeps_init(void)
{
	timer_setup(&timer, tick, 0);
	mod_timer(&timer, jiffies + 1);
	return 0;
}

static void __exit timer_sleeps_exit(void)
{
	timer_delete_sync(&timer);
}

module_init(timer_sleeps_init);
module_exit(timer_sleeps_exit);
MODULE_DESCRIPTION("sleeps in the handler of a timer");
MODULE_LICENSE("GPL");
