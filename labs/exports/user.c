// SPDX-License-Identifier: GPL-2.0
/*
 * user - a module that calls another one
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>

#include "counter.h"

static int calls = 3;
module_param(calls, int, 0444);
MODULE_PARM_DESC(calls, "how many numbers are taken");

static int __init startup(void)
{
	//> TODO 3: take as many numbers as "calls" says from counter_next(), and
	//> print each on a line of its own: "number 1", "number 2".
	int i;

	for (i = 0; i < calls; i++)
		pr_info("number %d\n", counter_next());
	//<
	return 0;
}

static void __exit cleanup(void)
{
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("Calls another module");
