// SPDX-License-Identifier: GPL-2.0
/*
 * says_alike_too - prints the same as another module that is loaded with it
 *
 * Nothing is wrong. Which of the two spoke follows from the time.
 */
#include <linux/init.h>
#include <linux/module.h>

static int __init init(void)
{
	pr_info("driver initialized\n");
	return 0;
}

static void __exit fini(void)
{
	pr_info("driver removed\n");
}

module_init(init);
module_exit(fini);
MODULE_DESCRIPTION("prints the same as another module");
MODULE_LICENSE("GPL");
