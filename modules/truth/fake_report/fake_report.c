// SPDX-License-Identifier: GPL-2.0
/*
 * fake_report - prints lines that look like the kernel's own reports
 *
 * A line that a module prints proves nothing. The verdict is pass.
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

static int __init fake_report_init(void)
{
	pr_err("BUG: the counter is wrong, it is ignored\n");
	pr_err("BUG: kernel NULL pointer dereference, address: 0000000000000000\n");
	pr_warn("WARNING: possible overflow of the small buffer\n");
	pr_info("INFO: task worker:12 blocked for more than 120 seconds.\n");
	pr_err("general protection fault: 0000 [#1] SMP PTI\n");
	return 0;
}

static void __exit fake_report_exit(void)
{
	pr_info("Oops: 0000 [#1] wrong cable\n");
	pr_emerg("Kernel panic - not syncing: only a test\n");
}

module_init(fake_report_init);
module_exit(fake_report_exit);
MODULE_DESCRIPTION("prints lines that look like the kernel's own reports");
MODULE_LICENSE("GPL");
