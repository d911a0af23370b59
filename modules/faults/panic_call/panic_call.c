// SPDX-License-Identifier: GPL-2.0
/*
 * panic_call - calls panic()
 *
 * Purpose
 *	panic() prints its message and halts the machine.
 *
 * Usage
 *	kmodlab run modules/faults/panic_call
 *
 * What you will see
 *	The verdict is panic, with the module's message.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>

static int __init panic_call_init(void)
{
	panic("out of ideas"); /* fault */
	return 0;
}

static void __exit panic_call_exit(void)
{
}

module_init(panic_call_init);
module_exit(panic_call_exit);

MODULE_DESCRIPTION("Calls panic()");
MODULE_LICENSE("GPL");
