// SPDX-License-Identifier: GPL-2.0
/*
 * forge_task - a thread that neither the list of tasks nor /proc has
 */
#include "forge.h"

static int __init forge_task_init(void)
{
	struct task_struct *thread = forge_stay("forge_task");

	if (IS_ERR(thread))
		return PTR_ERR(thread);
	list_del_init(&thread->tasks); /* fault */
	hlist_del_init(&thread->pid_links[PIDTYPE_PID]);
	return 0;
}

static void __exit forge_task_exit(void)
{
}

module_init(forge_task_init);
module_exit(forge_task_exit);
MODULE_DESCRIPTION("a thread that neither the list of tasks nor /proc has");
MODULE_LICENSE("GPL");
