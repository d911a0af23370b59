// SPDX-License-Identifier: GPL-2.0
/*
 * fake_wait - prints what looks like a crash and a panic, with a stack, and waits for ever
 */
#include <linux/completion.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>

static DECLARE_COMPLETION(never);

static int __init fake_wait_init(void)
{
	pr_emerg(
		"BUG: kernel NULL pointer dereference, address: 0000000000000000\n");
	dump_stack();
	pr_emerg("Kernel panic - not syncing: only a joke\n");
	wait_for_completion(&never);
	pr_info("it has come\n");
	return 0;
}

static void __exit fake_wait_exit(void)
{
}

module_init(fake_wait_init);
module_exit(fake_wait_exit);
MODULE_DESCRIPTION("prints what looks like a crash, and waits for ever");
MODULE_LICENSE("GPL");
