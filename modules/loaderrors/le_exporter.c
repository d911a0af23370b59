// SPDX-License-Identifier: GPL-2.0
/*
 * le_exporter - symbols for le_user and le_nsuser
 *
 * le_user cannot be loaded before this module, and this module cannot be unloaded
 * before le_user. One symbol is in a namespace, which its user has to import.
 */
#include <linux/module.h>
#include <linux/version.h>

#include "loaderrors.h"

int le_shared_symbol(int x)
{
	return x + 1;
}
EXPORT_SYMBOL_GPL(le_shared_symbol);

int le_hidden_symbol(int x)
{
	return x + 2;
}
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
EXPORT_SYMBOL_NS_GPL(le_hidden_symbol, "LE_HIDDEN");
#else
EXPORT_SYMBOL_NS_GPL(le_hidden_symbol, LE_HIDDEN);
#endif

MODULE_DESCRIPTION("kmodlab: exports symbols for other modules");
MODULE_LICENSE("GPL");
