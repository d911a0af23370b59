// SPDX-License-Identifier: GPL-2.0
/*
 * mit_license - has a licence that taints the kernel
 */
#include <linux/init.h>
#include <linux/module.h>

static int __init mit_license_init(void)
{
	return 0;
}

static void __exit mit_license_exit(void)
{
}

module_init(mit_license_init);
module_exit(mit_license_exit);
MODULE_DESCRIPTION("has a licence that taints the kernel");
MODULE_LICENSE("MIT");
