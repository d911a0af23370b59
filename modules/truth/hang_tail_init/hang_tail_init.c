// SPDX-License-Identifier: GPL-2.0
/*
 * hang_tail_init - init's last call waits, and became a jump
 */
#include <linux/completion.h>
#include <linux/init.h>
#include <linux/module.h>

static DECLARE_COMPLETION(answered);

static int __init hang_tail_init_init(void)
{
	pr_info("hang_tail_init: waiting\n");
	return wait_for_completion_interruptible(&answered);
}

static void __exit hang_tail_init_exit(void)
{
}

module_init(hang_tail_init_init);
module_exit(hang_tail_init_exit);
MODULE_DESCRIPTION("init's last call waits, and became a jump");
MODULE_LICENSE("GPL");
