// SPDX-License-Identifier: GPL-2.0
/*
 * wait_uninit - wakes a wait queue that nobody initialised
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/wait.h>

static wait_queue_head_t queue;

static int __init wait_uninit_init(void)
{
	wake_up(&queue);
	return 0;
}

static void __exit wait_uninit_exit(void)
{
}

module_init(wait_uninit_init);
module_exit(wait_uninit_exit);
MODULE_DESCRIPTION("wakes a wait queue that nobody initialised");
MODULE_LICENSE("GPL");
