// SPDX-License-Identifier: GPL-2.0
/*
 * request_popular - a module that only exists
 *
 * Purpose
 *	Twenty threads of request_crowd request this module at the same moment.
 *
 * Usage
 *	request_crowd loads it through request_module().
 *
 * What you will see (lsmod)
 *	Its name.
 *
 * Kernels 5.10 to 7.3.
 */
#include <linux/module.h>

/*
 * It has no init function, so nothing can fail. It has no exit function either:
 * with an init function alone it could never be unloaded, with neither it can.
 */

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("A module to be requested");
