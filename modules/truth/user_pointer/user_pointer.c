// SPDX-License-Identifier: GPL-2.0
/*
 * user_pointer - reads memory of a program through a plain pointer
 */
#include <linux/init.h>
#include <linux/mm_types.h>
#include <linux/module.h>
#include <linux/sched.h>

static int __init user_pointer_init(void)
{
	const char *arg = (const char *)current->mm->arg_start;

	pr_info("user_pointer: %c\n", READ_ONCE(*arg));
	return 0;
}

static void __exit user_pointer_exit(void)
{
}

module_init(user_pointer_init);
module_exit(user_pointer_exit);
MODULE_DESCRIPTION("reads memory of a program through a plain pointer");
MODULE_LICENSE("GPL");
