// SPDX-License-Identifier: GPL-2.0
/*
 * le_second - one more module that exports a symbol
 *
 * The test gives the symbol the name of le_exporter's, of the same length: the
 * kernel takes a name from one module only.
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
