// SPDX-License-Identifier: GPL-2.0
/*
 * ok_timer - a timer that arms itself again, until exit deletes it
 */
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
static int ticks;

static void tick(struct timer_list *t)
{
	ticks++;
	mod_timer(t, jiffies + HZ / 10);
}

static int __init ok_timer_init(void)
{
	timer_setup(&timer, tick, 0);
	mod_timer(&timer, jiffies + HZ / 10);
	return 0;
}

static void __exit ok_timer_exit(void)
{
	timer_delete_sync(&timer);
	pr_info("ok_timer: %d ticks\n", ticks);
}

module_init(ok_timer_init);
module_exit(ok_timer_exit);
MODULE_DESCRIPTION("a timer that arms itself again, until exit deletes it");
MODULE_LICENSE("GPL");
