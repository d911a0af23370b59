// SPDX-License-Identifier: GPL-2.0
/*
 * request_popular - a module that does nothing but be there
 *
 * Purpose
 *	What twenty threads of request_crowd ask for at the same moment.
 *
 * Usage
 *	Loaded by request_crowd through request_module().
 *
 * What you will see (lsmod)
 *	Its name.
 *
 * Kernels 5.10 to 7.3.
 */
#include <linux/module.h>

/*
 * No init function: nothing can fail. No exit function: with an init and no
 * exit it could never be unloaded, with neither it can.
 */

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("A module to be asked for");
