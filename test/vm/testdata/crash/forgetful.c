// SPDX-License-Identifier: GPL-2.0
/*
 * forgetful - leaves its thread behind
 *
 * Purpose: a crash in code that is gone. The thread sleeps while the module is
 * unloaded, and then returns to where it was; the kernel can only print an
 * address.
 */

#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>

static noinline void nap(void)
{
	msleep(2500); /* line: nap */
	barrier(); /* no tail call: the thread comes back here */
}

static int work(void *unused)
{
	for (;;)
		nap();
	return 0;
}

static int __init forgetful_init(void)
{
	return PTR_ERR_OR_ZERO(kthread_run(work, NULL, "forgetful"));
}

static void __exit forgetful_exit(void)
{
}

module_init(forgetful_init);
module_exit(forgetful_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("kmodlab");
MODULE_DESCRIPTION("Leaves its thread behind at unload");
