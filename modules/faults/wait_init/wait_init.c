// SPDX-License-Identifier: GPL-2.0
/*
 * wait_init - waits in init for a completion that never comes
 *
 * Purpose
 *	Nobody completes the completion that init waits for.
 *
 * Usage
 *	kmodlab run modules/faults/wait_init
 *
 * What you will see
 *	modprobe never ends, and SIGKILL does not help; the verdict is hung,
 *	in wait_init.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/init.h>
#include <linux/module.h>

static DECLARE_COMPLETION(answered);

static int __init wait_init(void)
{
	wait_for_completion(&answered); /* fault */
	return 0;
}

static void __exit wait_exit(void)
{
}

module_init(wait_init);
module_exit(wait_exit);

MODULE_DESCRIPTION("Waits in init for a completion that never comes");
MODULE_LICENSE("GPL");
