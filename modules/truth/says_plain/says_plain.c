// SPDX-License-Identifier: GPL-2.0
/*
 * says_plain - prints without a level and without its name, from a buffer, and so
 * little that anybody may have printed it
 *
 * Nothing is wrong.
 */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>

static char buffer[32];

static int __init says_plain_init(void)
{
	printk("Hello\n");
	printk("%d\n", 42);
	snprintf(buffer, sizeof(buffer), "from a %s", "buffer");
	printk(KERN_INFO "%s\n", buffer);
	pr_info("ok\n");
	return 0;
}

static void __exit says_plain_exit(void)
{
	printk(KERN_ALERT "Goodbye, cruel world\n");
}

module_init(says_plain_init);
module_exit(says_plain_exit);
MODULE_DESCRIPTION("prints without a level and without its name");
MODULE_LICENSE("GPL");
