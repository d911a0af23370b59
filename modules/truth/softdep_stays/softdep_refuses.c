// SPDX-License-Identifier: GPL-2.0
/*
 * softdep_refuses - brings in a module of the kernel's own, and refuses
 *
 * dummy makes a network device, and modprobe -r does not take it away again.
 */
#include <linux/init.h>
#include <linux/module.h>

static int __init softdep_refuses_init(void)
{
	return -ENODEV;
}

static void __exit softdep_refuses_exit(void)
{
}

module_init(softdep_refuses_init);
module_exit(softdep_refuses_exit);
MODULE_SOFTDEP("pre: dummy");
MODULE_DESCRIPTION("brings in a module of the kernel's own, and refuses");
MODULE_LICENSE("GPL");
