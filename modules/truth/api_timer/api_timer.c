// SPDX-License-Identifier: GPL-2.0
/*
 * api_timer - deletes a timer as kernels up to 6.14 want it
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/timer.h>

static struct timer_list timer;

static void tick(struct timer_list *t)
{
}

static int __init api_timer_init(void)
{
	timer_setup(&timer, tick, 0);
	return 0;
}

static void __exit api_timer_exit(void)
{
	del_timer_sync(&timer);
}

module_init(api_timer_init);
module_exit(api_timer_exit);
MODULE_DESCRIPTION("deletes a timer as kernels up to 6.14 want it");
MODULE_LICENSE("GPL");
