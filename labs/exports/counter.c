// SPDX-License-Identifier: GPL-2.0
/*
 * counter - a module that others call
 *
 * Kernels 5.10 to 7.3.
 */
#include <linux/atomic.h>
#include <linux/init.h>
#include <linux/module.h>

#include "counter.h"

static atomic_t last = ATOMIC_INIT(0);

int counter_next(void)
{
	//> TODO 1: return the next number. Two callers at the same time must not
	//> get the same one.
	//>2 atomic_inc_return() adds one and returns the sum, in one step.
	return atomic_inc_return(&last);
	//- return atomic_read(&last);
	//<
}
//> TODO 2: let other modules that are free software call counter_next().
//>2 Its name begins with EXPORT_SYMBOL, and it stands after the function.
EXPORT_SYMBOL_GPL(counter_next);
//<

static int __init startup(void)
{
	return 0;
}

static void __exit cleanup(void)
{
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("Counts for others");
