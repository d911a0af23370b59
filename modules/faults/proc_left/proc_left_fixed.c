// SPDX-License-Identifier: GPL-2.0
/*
 * proc_left_fixed - removes its entry in /proc
 *
 * Purpose
 *	Like proc_left.c, but the exit function calls remove_proc_entry().
 *
 *	To see the difference: diff -u proc_left.c proc_left_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/proc_left --load proc_left_fixed
 *
 * What you will see
 *	The verdict is pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

static int show(struct seq_file *m, void *unused)
{
	seq_puts(m, "hello\n");
	return 0;
}

static int __init proc_left_init(void)
{
	if (!proc_create_single("proc_left", 0444, NULL, show))
		return -ENOMEM;
	return 0;
}

static void __exit proc_left_exit(void)
{
	remove_proc_entry("proc_left", NULL);
}

module_init(proc_left_init);
module_exit(proc_left_exit);

MODULE_DESCRIPTION("Removes its entry in /proc");
MODULE_LICENSE("GPL");
