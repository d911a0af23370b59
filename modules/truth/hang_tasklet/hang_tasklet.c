// SPDX-License-Identifier: GPL-2.0
/*
 * hang_tasklet - kills a tasklet that is scheduled and disabled
 */
#include <linux/init.h>
#include <linux/interrupt.h>
#include <linux/module.h>

static void work_fn(struct tasklet_struct *unused)
{
}

static DECLARE_TASKLET(tasklet, work_fn);

static int __init hang_tasklet_init(void)
{
	tasklet_disable(&tasklet);
	tasklet_schedule(&tasklet);
	return 0;
}

static void __exit hang_tasklet_exit(void)
{
	tasklet_kill(&tasklet); /* fault */
	pr_info("hang_tasklet: this is not reached\n");
}

module_init(hang_tasklet_init);
module_exit(hang_tasklet_exit);
MODULE_DESCRIPTION("kills a tasklet that is disabled");
MODULE_LICENSE("GPL");
