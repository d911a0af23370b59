// SPDX-License-Identifier: GPL-2.0
/*
 * le_nsuser - needs a symbol of le_exporter that is in a namespace
 */
#include <linux/module.h>
#include <linux/version.h>

#include "loaderrors.h"

static int __init le_nsuser_init(void)
{
	return le_hidden_symbol(0) > 0 ? 0 : -EINVAL;
}

static void __exit le_nsuser_exit(void)
{
}

module_init(le_nsuser_init);
module_exit(le_nsuser_exit);

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
MODULE_IMPORT_NS("LE_HIDDEN");
#else
MODULE_IMPORT_NS(LE_HIDDEN);
#endif
MODULE_DESCRIPTION("kmodlab: uses a symbol in a namespace");
MODULE_LICENSE("GPL");
