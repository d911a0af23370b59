// SPDX-License-Identifier: GPL-2.0
/*
 * forge_off - the tracer is off when the module goes, and stays off
 */
#include "forge_tracer.h"

static int __init forge_off_init(void)
{
	return 0;
}

static void __exit forge_off_exit(void)
{
	forge_tracer_off(); /* fault */
}

module_init(forge_off_init);
module_exit(forge_off_exit);
MODULE_DESCRIPTION("the tracer is off when the module goes, and stays off");
MODULE_LICENSE("GPL");
