// SPDX-License-Identifier: GPL-2.0
/*
 * hang_tail_work - a work that waits for ever in its last call, which becomes a jump
 */
#include <linux/completion.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/workqueue.h>

static DECLARE_COMPLETION(answer);

static void ask_fn(struct work_struct *work)
{
	wait_for_completion(&answer);
}

static DECLARE_WORK(ask, ask_fn);

static int __init hang_tail_work_init(void)
{
	schedule_work(&ask);
	return 0;
}

static void __exit hang_tail_work_exit(void)
{
	flush_work(&ask);
	pr_info("hang_tail_work: answered\n");
}

module_init(hang_tail_work_init);
module_exit(hang_tail_work_exit);
MODULE_DESCRIPTION("a work that waits for ever in its last call");
MODULE_LICENSE("GPL");
