// SPDX-License-Identifier: GPL-2.0
/*
 * forge_off - the tracer is off when the module goes, and stays off
 */
#include "forge.h"

#include <linux/tracepoint.h>

#define KPROBE_TABLE_SIZE 64 /* of kernel/kprobes.c */

/* silence - take all functions off a tracepoint */
static void silence(struct tracepoint *point, void *name)
{
	struct tracepoint_func *call;

	if (strcmp(point->name, name))
		return;
	for (;;) {
		call = rcu_dereference_raw(point->funcs);
		if (!call || !call->func ||
		    tracepoint_probe_unregister(point, call->func, call->data))
			return;
	}
}

/* disarm - take all kprobes out of the code; nobody else registers any now */
static void disarm(void)
{
	struct hlist_head *table = forge_symbol("kprobe_table");
	struct kprobe *probe;
	int i;

	for (i = 0; table && i < KPROBE_TABLE_SIZE; i++)
		hlist_for_each_entry(probe, &table[i], hlist)
			disable_kprobe(probe);
}

static int __init forge_off_init(void)
{
	return 0;
}

static void __exit forge_off_exit(void)
{
	for_each_kernel_tracepoint(silence, "module_free"); /* fault */
	disarm();
}

module_init(forge_off_init);
module_exit(forge_off_exit);
MODULE_DESCRIPTION("the tracer is off when the module goes, and stays off");
MODULE_LICENSE("GPL");
