// SPDX-License-Identifier: GPL-2.0
/*
 * le_user - needs a symbol of le_exporter
 */
#include <linux/module.h>
#include <linux/version.h>

#include "loaderrors.h"

static int __init le_user_init(void)
{
	return le_shared_symbol(0) > 0 ? 0 : -EINVAL;
}

static void __exit le_user_exit(void)
{
}

module_init(le_user_init);
module_exit(le_user_exit);

MODULE_DESCRIPTION("kmodlab: uses a symbol of another module");
MODULE_LICENSE("GPL");
