// SPDX-License-Identifier: GPL-2.0
/*
 * hang_request_work - a work asks for the module whose init waits for the work
 */
#include <linux/init.h>
#include <linux/kmod.h>
#include <linux/module.h>
#include <linux/workqueue.h>

static void ask_fn(struct work_struct *unused)
{
	request_module("hang_request_work"); /* fault */
}

static DECLARE_WORK(ask, ask_fn);

static int __init hang_request_work_init(void)
{
	schedule_work(&ask);
	flush_work(&ask);
	return 0;
}

static void __exit hang_request_work_exit(void)
{
	cancel_work_sync(&ask);
}

module_init(hang_request_work_init);
module_exit(hang_request_work_exit);
MODULE_DESCRIPTION("init waits for a work that waits for init");
MODULE_LICENSE("GPL");
