// SPDX-License-Identifier: GPL-2.0
/*
 * says_unended - forgets the line break
 *
 * The kernel holds the line back until somebody prints the next one. It is in the
 * story all the same.
 */
#include <linux/init.h>
#include <linux/module.h>

static int __init says_unended_init(void)
{
	printk(KERN_INFO "hello without an end");
	return 0;
}

static void __exit says_unended_exit(void)
{
	printk(KERN_INFO "goodbye without an end");
}

module_init(says_unended_init);
module_exit(says_unended_exit);
MODULE_DESCRIPTION("forgets the line break");
MODULE_LICENSE("GPL");
