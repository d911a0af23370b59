// SPDX-License-Identifier: GPL-2.0
/*
 * le_second - one more module that exports a symbol
 *
 * The test renames the symbol to that of le_exporter, which has the same length:
 * the kernel accepts a name from one module only.
 */
#include <linux/module.h>

#include "loaderrors.h"

int le_second_symbol(int x)
{
	return x + 3;
}
EXPORT_SYMBOL_GPL(le_second_symbol);

MODULE_DESCRIPTION("kmodlab: exports one symbol");
MODULE_LICENSE("GPL");
