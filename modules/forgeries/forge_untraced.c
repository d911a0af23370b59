// SPDX-License-Identifier: GPL-2.0
/*
 * forge_untraced - the kernel's trace is off while the module takes memory
 */
#include "forge.h"

static void *kept;

static int __init forge_untraced_init(void)
{
	tracing_off();
	kept = kmalloc(100, GFP_KERNEL); /* fault */
	tracing_on();
	return kept ? 0 : -ENOMEM;
}

static void __exit forge_untraced_exit(void)
{
	kept = NULL;
}

module_init(forge_untraced_init);
module_exit(forge_untraced_exit);
MODULE_DESCRIPTION("the kernel's trace is off while the module takes memory");
MODULE_LICENSE("GPL");
