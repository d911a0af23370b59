// SPDX-License-Identifier: GPL-2.0
/*
 * hang_tail_exit - exit's last call waits, and became a jump
 */
#include <linux/completion.h>
#include <linux/init.h>
#include <linux/module.h>

static DECLARE_COMPLETION(answered);

static int __init hang_tail_exit_init(void)
{
	return 0;
}

static void __exit hang_tail_exit_exit(void)
{
	pr_info("hang_tail_exit: waiting\n");
	wait_for_completion(&answered);
}

module_init(hang_tail_exit_init);
module_exit(hang_tail_exit_exit);
MODULE_DESCRIPTION("exit's last call waits, and became a jump");
MODULE_LICENSE("GPL");
