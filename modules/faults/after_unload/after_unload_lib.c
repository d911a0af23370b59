// SPDX-License-Identifier: GPL-2.0
/*
 * after_unload_lib - exports the function that after_unload calls too late
 *
 * Purpose
 *	The other half of after_unload.
 *
 * Usage
 *	loaded by after_unload
 *
 * What you will see
 *	See after_unload.c.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>

int after_unload_answer(void);

int after_unload_answer(void)
{
	return 42;
}
EXPORT_SYMBOL_GPL(after_unload_answer);

static int __init after_unload_lib_init(void)
{
	return 0;
}

static void __exit after_unload_lib_exit(void)
{
}

module_init(after_unload_lib_init);
module_exit(after_unload_lib_exit);

MODULE_DESCRIPTION("Exports the function that after_unload calls too late");
MODULE_LICENSE("GPL");
