// SPDX-License-Identifier: GPL-2.0
/*
 * hang_wait_event - exit waits for a condition that nobody makes true
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/wait.h>

static DECLARE_WAIT_QUEUE_HEAD(queue);
static bool done;

static int __init hang_wait_event_init(void)
{
	return 0;
}

static void __exit hang_wait_event_exit(void)
{
	wait_event(queue, READ_ONCE(done));
	pr_info("hang_wait_event: done\n");
}

module_init(hang_wait_event_init);
module_exit(hang_wait_event_exit);
MODULE_DESCRIPTION("exit waits for a condition that nobody makes true");
MODULE_LICENSE("GPL");
