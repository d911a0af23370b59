// SPDX-License-Identifier: GPL-2.0
/*
 * work_uninit - queues a work that nobody initialised
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/workqueue.h>

static struct work_struct work;

static int __init work_uninit_init(void)
{
	schedule_work(&work);
	return 0;
}

static void __exit work_uninit_exit(void)
{
}

module_init(work_uninit_init);
module_exit(work_uninit_exit);
MODULE_DESCRIPTION("queues a work that nobody initialised");
MODULE_LICENSE("GPL");
