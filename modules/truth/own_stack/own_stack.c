// SPDX-License-Identifier: GPL-2.0
/*
 * own_stack - prints a line that looks like a report, and a stack after it
 *
 * The stack is real, and the report is not: the kernel has found nothing.
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

static int __init own_stack_init(void)
{
	pr_err("BUG: the cable is loose, this is how we came here\n");
	dump_stack();
	return 0;
}

static void __exit own_stack_exit(void)
{
	pr_err("BUG: unable to handle page fault for address: 0000000000001000\n");
	dump_stack();
	pr_info("own_stack: gone\n");
}

module_init(own_stack_init);
module_exit(own_stack_exit);
MODULE_DESCRIPTION(
	"prints a line that looks like a report, and a stack after it");
MODULE_LICENSE("GPL");
