// SPDX-License-Identifier: GPL-2.0
/*
 * ok_slow_timer - exit waits for a timer that fires 14 s after it was set
 */
#include <linux/completion.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/timer.h>

static DECLARE_COMPLETION(fired);
static struct timer_list timer;

static void tick(struct timer_list *unused)
{
	complete(&fired);
}

static int __init ok_slow_timer_init(void)
{
	timer_setup(&timer, tick, 0);
	mod_timer(&timer, jiffies + 14 * HZ);
	return 0;
}

static void __exit ok_slow_timer_exit(void)
{
	wait_for_completion(&fired);
	pr_info("ok_slow_timer: fired\n");
}

module_init(ok_slow_timer_init);
module_exit(ok_slow_timer_exit);
MODULE_DESCRIPTION("exit waits for a timer that fires 14 s after it was set");
MODULE_LICENSE("GPL");
