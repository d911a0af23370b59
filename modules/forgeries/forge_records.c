// SPDX-License-Identifier: GPL-2.0
/*
 * forge_records - a thread stays, and the tracer's records say that it ended
 */
#include "forge.h"

#define TASK_EXITED 11

/* The beginning of a record of the tracer's, after its length */
struct forged {
	u16 size;
	u64 time;
	u16 kind;
	u8 flags[6];
	u32 cpu, arg, pid, tgid, target_pid, target_tgid;
	char comm[16], target_comm[16];
	u64 ptr, func, data, aux, ret, task, target_task;
} __packed;

static int __init forge_records_init(void)
{
	struct task_struct *thread = forge_stay("forge_records");
	struct forged record = { .size = sizeof(record) - 2 };
	struct file *port;

	if (IS_ERR(thread))
		return PTR_ERR(thread);
	port = forge_port(1);
	if (!port)
		return -ENODEV;
	record.time = ktime_get_ns();
	record.kind = TASK_EXITED;
	record.flags[1] = 1; /* a kernel thread */
	record.pid = thread->pid;
	record.tgid = thread->tgid;
	strscpy(record.comm, thread->comm, sizeof(record.comm));
	record.task = (unsigned long)thread;
	forge_send(port, &record, sizeof(record)); /* fault */
	fput(port);
	return 0;
}

static void __exit forge_records_exit(void)
{
}

module_init(forge_records_init);
module_exit(forge_records_exit);
MODULE_DESCRIPTION("a thread stays, and the tracer's records say that it ended");
MODULE_LICENSE("GPL");
