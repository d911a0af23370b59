// SPDX-License-Identifier: GPL-2.0
/*
 * after_unload - calls an exported function whose module is gone
 *
 * Purpose
 *	It looks up the function by name and puts the reference at once, so
 *	nothing keeps the other module loaded. (Link to the symbol instead, or
 *	keep the symbol_get() reference until after the last call.)
 *
 * Usage
 *	kmodlab run modules/faults/after_unload --load after_unload
 *
 * What you will see
 *	At unload the verdict is oops: page fault below after_unload_exit.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/kmod.h>
#include <linux/module.h>

int after_unload_answer(void);

static int (*answer)(void);

static int __init after_unload_init(void)
{
	request_module("after_unload_lib");
	answer = symbol_get(after_unload_answer);
	if (!answer)
		return -ENOENT;
	symbol_put(after_unload_answer);
	return 0;
}

static void __exit after_unload_exit(void)
{
	pr_info("the answer is %d\n", answer()); /* fault */
}

module_init(after_unload_init);
module_exit(after_unload_exit);

MODULE_DESCRIPTION("Calls an exported function whose module is gone");
MODULE_LICENSE("GPL");
