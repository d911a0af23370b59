// SPDX-License-Identifier: GPL-2.0
/*
 * left_rescuer - makes a workqueue with a thread, and gives nothing back
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/workqueue.h>

static struct workqueue_struct *queue;

static int __init left_rescuer_init(void)
{
	int err;

	queue = alloc_workqueue("truth_wq", WQ_MEM_RECLAIM | WQ_UNBOUND, 1);
	err = queue ? 0 : -ENOMEM;
	if (err)
		return err;
	return 0;
}

static void __exit left_rescuer_exit(void)
{
	pr_info("left_rescuer: nothing is given back\n");
}

module_init(left_rescuer_init);
module_exit(left_rescuer_exit);
MODULE_DESCRIPTION("makes a workqueue with a thread");
MODULE_LICENSE("GPL");
