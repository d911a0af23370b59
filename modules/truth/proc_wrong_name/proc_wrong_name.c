// SPDX-License-Identifier: GPL-2.0
/*
 * proc_wrong_name - removes an entry of /proc by a name that it never had
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/proc_fs.h>

static int __init proc_wrong_name_init(void)
{
	return proc_mkdir("proc_wrong_name", NULL) ? 0 : -ENOMEM;
}

static void __exit proc_wrong_name_exit(void)
{
	remove_proc_entry("proc_wrong_nam", NULL);
}

module_init(proc_wrong_name_init);
module_exit(proc_wrong_name_exit);
MODULE_DESCRIPTION("removes an entry of /proc by a name that it never had");
MODULE_LICENSE("GPL");
