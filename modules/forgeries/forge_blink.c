// SPDX-License-Identifier: GPL-2.0
/*
 * forge_blink - the tracer is off for the moment in which the module goes
 *
 * The kernel says that a module is freed after the module's exit, and frees its
 * parameters, with the module's own function, before its code.
 */
#include "forge_tracer.h"

static void rearm(void *unused)
{
	forge_tracer_on();
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
	forge_tracer_off(); /* fault */
}

module_init(forge_blink_init);
module_exit(forge_blink_exit);
MODULE_DESCRIPTION("the tracer is off for the moment in which the module goes");
MODULE_LICENSE("GPL");
