/* SPDX-License-Identifier: GPL-2.0 */
/*
 * forge_tracer.h - how a module turns the tracer off, and on again
 */
#ifndef FORGE_TRACER_H
#define FORGE_TRACER_H

#include "forge.h"

#include <linux/tracepoint.h>

#define FORGE_KPROBE_TABLE 64 /* KPROBE_TABLE_SIZE of kernel/kprobes.c */
#define FORGE_CALLS 8
#define FORGE_PROBES 512

/* what was turned off */
static struct tracepoint *forge_point;
static struct tracepoint_func forge_calls[FORGE_CALLS];
static struct kprobe *forge_probes[FORGE_PROBES];
static int forge_ncalls, forge_nprobes;

/* forge_silence - take all functions off a tracepoint */
static void forge_silence(struct tracepoint *point, void *name)
{
	struct tracepoint_func *call;

	if (strcmp(point->name, name))
		return;
	forge_point = point;
	while (forge_ncalls < FORGE_CALLS) {
		call = rcu_dereference_raw(point->funcs);
		if (!call || !call->func)
			return;
		forge_calls[forge_ncalls] = *call;
		if (tracepoint_probe_unregister(point, call->func, call->data))
			return;
		forge_ncalls++;
	}
}

/* forge_disarm - take all kprobes out of the code; nobody else registers any */
static void forge_disarm(void)
{
	struct hlist_head *table = forge_symbol("kprobe_table");
	struct kprobe *probe;
	int i;

	for (i = 0; table && i < FORGE_KPROBE_TABLE; i++)
		hlist_for_each_entry(probe, &table[i], hlist)
			if (forge_nprobes < FORGE_PROBES &&
			    !kprobe_disabled(probe) && !disable_kprobe(probe))
				forge_probes[forge_nprobes++] = probe;
}

/* forge_tracer_off - the unload of a module is not seen */
static inline void forge_tracer_off(void)
{
	for_each_kernel_tracepoint(forge_silence, "module_free");
	forge_disarm();
}

/* forge_tracer_on - put everything back */
static inline void forge_tracer_on(void)
{
	struct tracepoint_func *call;

	while (forge_ncalls > 0) {
		call = &forge_calls[--forge_ncalls];
		tracepoint_probe_register(forge_point, call->func, call->data);
	}
	while (forge_nprobes > 0)
		enable_kprobe(forge_probes[--forge_nprobes]);
}

#endif /* FORGE_TRACER_H */
