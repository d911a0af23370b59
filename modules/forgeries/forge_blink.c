// SPDX-License-Identifier: GPL-2.0
/*
 * forge_blink - the tracer is off for the moment in which the module goes
 *
 * The kernel says that a module is freed after the module's exit, and frees its
 * parameters, with the module's own function, before its code.
 */
#include "forge.h"

#include <linux/tracepoint.h>

#define KPROBE_TABLE_SIZE 64 /* of kernel/kprobes.c */
#define MOST 512

static struct tracepoint *point;
static struct tracepoint_func calls[8];
static struct kprobe *probes[MOST];
static int ncalls, nprobes;

/* silence - take all functions off a tracepoint */
static void silence(struct tracepoint *at, void *name)
{
	struct tracepoint_func *call;

	if (strcmp(at->name, name))
		return;
	point = at;
	while (ncalls < ARRAY_SIZE(calls)) {
		call = rcu_dereference_raw(at->funcs);
		if (!call || !call->func)
			return;
		calls[ncalls] = *call;
		if (tracepoint_probe_unregister(at, call->func, call->data))
			return;
		ncalls++;
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
			if (nprobes < MOST && !kprobe_disabled(probe) &&
			    !disable_kprobe(probe))
				probes[nprobes++] = probe;
}

/* rearm - put everything back */
static void rearm(void *unused)
{
	while (ncalls > 0) {
		ncalls--;
		tracepoint_probe_register(point, calls[ncalls].func,
					  calls[ncalls].data);
	}
	while (nprobes > 0)
		enable_kprobe(probes[--nprobes]);
}

static const struct kernel_param_ops rearming = { .free = rearm };

module_param_cb(again, &rearming, NULL, 0);
MODULE_PARM_DESC(again, "is freed, and cannot be set");

static int __init forge_blink_init(void)
{
	return 0;
}

static void __exit forge_blink_exit(void)
{
	for_each_kernel_tracepoint(silence, "module_free"); /* fault */
	disarm();
}

module_init(forge_blink_init);
module_exit(forge_blink_exit);
MODULE_DESCRIPTION("the tracer is off for the moment in which the module goes");
MODULE_LICENSE("GPL");
