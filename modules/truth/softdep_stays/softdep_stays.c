// SPDX-License-Identifier: GPL-2.0
/*
 * softdep_stays - brings in a module of the kernel's own that makes names
 *
 * dummy makes a network device, and modprobe -r does not take it away again.
 */
#include <linux/init.h>
#include <linux/module.h>

static int __init softdep_stays_init(void)
{
	return 0;
}

static void __exit softdep_stays_exit(void)
{
}

module_init(softdep_stays_init);
module_exit(softdep_stays_exit);
MODULE_SOFTDEP("pre: dummy");
MODULE_DESCRIPTION("brings in a module of the kernel's own that makes names");
MODULE_LICENSE("GPL");
