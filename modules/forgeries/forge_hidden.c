// SPDX-License-Identifier: GPL-2.0
/*
 * forge_hidden - a module that the kernel's list has not, and so nobody unloads
 */
#include "forge.h"

static int idle(void *unused)
{
	while (!kthread_should_stop())
		schedule_timeout_interruptible(HZ);
	return 0;
}

static int __init forge_hidden_init(void)
{
	struct task_struct *thread = kthread_run(idle, NULL, "forge_hidden");

	if (IS_ERR(thread))
		return PTR_ERR(thread);
	list_del_init(&THIS_MODULE->list); /* fault */
	return 0;
}

static void __exit forge_hidden_exit(void)
{
}

module_init(forge_hidden_init);
module_exit(forge_hidden_exit);
MODULE_DESCRIPTION(
	"a module that the kernel's list has not, and so nobody unloads");
MODULE_LICENSE("GPL");
