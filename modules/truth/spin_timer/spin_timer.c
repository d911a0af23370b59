// SPDX-License-Identifier: GPL-2.0
/*
 * spin_timer - a timer's function never returns
 */
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/processor.h>
#include <linux/timer.h>

static struct timer_list timer;
static int ready;

static void tick(struct timer_list *unused)
{
	while (!READ_ONCE(ready))
		cpu_relax();
}

static int __init spin_timer_init(void)
{
	timer_setup(&timer, tick, 0);
	mod_timer(&timer, jiffies + 1);
	while (!READ_ONCE(ready))
		cpu_relax();
	return 0;
}

static void __exit spin_timer_exit(void)
{
}

module_init(spin_timer_init);
module_exit(spin_timer_exit);
MODULE_DESCRIPTION("a timer's function never returns");
MODULE_LICENSE("GPL");
