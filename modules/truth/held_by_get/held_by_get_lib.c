// SPDX-License-Identifier: GPL-2.0
/*
 * held_by_get_lib - exports a function that held_by_get asks for at run time
 */
#include "held_by_get.h"

#include <linux/module.h>

int held_by_get_answer(void)
{
	return 42;
}
EXPORT_SYMBOL_GPL(held_by_get_answer);

MODULE_DESCRIPTION(
	"exports a function that another module asks for at run time");
MODULE_LICENSE("GPL");
