// SPDX-License-Identifier: GPL-2.0
/*
 * says_before_oops - says what it is about to do, and follows a NULL pointer
 *
 * The last words before the crash are in the story; the report itself is not among
 * the module's words.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>

static int *volatile nowhere;

static int __init says_before_oops_init(void)
{
	pr_info("reading the counter\n");
	pr_info("the counter is %d\n", *nowhere); /* fault */
	return 0;
}

static void __exit says_before_oops_exit(void)
{
}

module_init(says_before_oops_init);
module_exit(says_before_oops_exit);
MODULE_DESCRIPTION("says what it is about to do, and follows a NULL pointer");
MODULE_LICENSE("GPL");
