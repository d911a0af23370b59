// SPDX-License-Identifier: GPL-2.0
/*
 * says_args - prints at every level, with every kind of argument
 *
 * Nothing is wrong. Each line stands in the story, by the task that printed it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kthread.h>
#include <linux/module.h>

static struct task_struct *worker;

static int work(void *unused)
{
	int i;

	for (i = 1; i <= 3; i++)
		pr_info("round %d of 3\n", i);
	while (!kthread_should_stop())
		msleep(20);
	pr_notice("told to stop, leaving\n");
	return 0;
}

static int __init says_args_init(void)
{
	u8 bytes[4] = { 0xde, 0xad, 0xbe, 0xef };

	pr_debug("not printed unless dynamic debug asks for it\n");
	pr_info("%s %u%% of %#x, %5d, '%c', %-6s|\n", "half", 50, 0xffU, -7,
		'q', "ab");
	pr_warn("bytes %*ph, function %ps\n", 4, bytes, says_args_init);
	pr_err("pointer %p, error %pe\n", bytes, ERR_PTR(-ENOMEM));
	print_hex_dump(KERN_INFO, "raw: ", DUMP_PREFIX_OFFSET, 16, 1, bytes, 4,
		       false);
	worker = kthread_run(work, NULL, "says");
	return PTR_ERR_OR_ZERO(worker);
}

static void __exit says_args_exit(void)
{
	kthread_stop(worker);
	pr_info("bye\n");
}

module_init(says_args_init);
module_exit(says_args_exit);
MODULE_DESCRIPTION("prints at every level, with every kind of argument");
MODULE_LICENSE("GPL");
