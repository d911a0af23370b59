// SPDX-License-Identifier: GPL-2.0
/*
 * api_proc - gives proc_create a struct file_operations
 */
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/proc_fs.h>

static const struct file_operations ops = { .owner = THIS_MODULE };

static int __init api_proc_init(void)
{
	return proc_create("api_proc", 0444, NULL, &ops) ? 0 : -ENOMEM;
}

static void __exit api_proc_exit(void)
{
	remove_proc_entry("api_proc", NULL);
}

module_init(api_proc_init);
module_exit(api_proc_exit);
MODULE_DESCRIPTION("gives proc_create a struct file_operations");
MODULE_LICENSE("GPL");
