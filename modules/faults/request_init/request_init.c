// SPDX-License-Identifier: GPL-2.0
/*
 * request_init - its init function requests a module that needs this one
 *
 * Purpose
 *	modprobe loads request_init_user, which needs a symbol of this module.
 *	The kernel makes that load wait until this init is done, and this init
 *	waits for modprobe.
 *
 * Usage
 *	kmodlab run modules/faults/request_init --load request_init
 *
 * What you will see
 *	Two modprobes wait for each other; the verdict is hung, in
 *	request_init.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/kmod.h>
#include <linux/module.h>

int request_init_answer(void);

int request_init_answer(void)
{
	return 42;
}
EXPORT_SYMBOL_GPL(request_init_answer);

static int __init request_init(void)
{
	request_module("request_init_user"); /* fault */
	return 0;
}

static void __exit request_exit(void)
{
}

module_init(request_init);
module_exit(request_exit);

MODULE_DESCRIPTION("Its init function requests a module that needs this one");
MODULE_LICENSE("GPL");
