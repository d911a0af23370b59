// SPDX-License-Identifier: GPL-2.0
/*
 * spin_timer_self - a timer's function deletes its own timer, and waits for
 * itself to end
 */
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/timer.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define timer_delete_sync del_timer_sync
#endif

static struct timer_list once;

static void once_fn(struct timer_list *unused)
{
	timer_delete_sync(&once); /* fault */
	pr_info("spin_timer_self: this is not reached\n");
}

static int __init spin_timer_self_init(void)
{
	timer_setup(&once, once_fn, 0);
	mod_timer(&once, jiffies + HZ / 10);
	return 0;
}

static void __exit spin_timer_self_exit(void)
{
	timer_delete_sync(&once);
}

module_init(spin_timer_self_init);
module_exit(spin_timer_self_exit);
MODULE_DESCRIPTION("a timer's function deletes its own timer");
MODULE_LICENSE("GPL");
