// SPDX-License-Identifier: GPL-2.0
/*
 * forge_blink - the tracer is off while the module goes
 */
#include "forge.h"

#include <linux/tracepoint.h>

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

static int __init forge_blink_init(void)
{
	return 0;
}

static void __exit forge_blink_exit(void)
{
	void (*disarm)(void) = forge_symbol("disarm_all_kprobes");

	for_each_kernel_tracepoint(silence, "module_free"); /* fault */
	if (disarm)
		disarm();
}

module_init(forge_blink_init);
module_exit(forge_blink_exit);
MODULE_DESCRIPTION("the tracer is off while the module goes");
MODULE_LICENSE("GPL");
