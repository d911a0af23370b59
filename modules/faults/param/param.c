// SPDX-License-Identifier: GPL-2.0
/*
 * param - takes a number as a parameter
 *
 * Purpose
 *	Pass something else, or a parameter that does not exist.
 *
 * Usage
 *	kmodlab run modules/faults/param --params param.count=many
 *
 * What you will see
 *	With count=many the verdict is load: invalid parameter. For a
 *	parameter that the module does not have (tally=1) the kernel only
 *	warns, and the verdict is expectation.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

static int count = 1;
module_param(count, int, 0444);
MODULE_PARM_DESC(count, "a number");

static int __init param_init(void)
{
	pr_info("count %d\n", count);
	return 0;
}

static void __exit param_exit(void)
{
}

module_init(param_init);
module_exit(param_exit);

MODULE_DESCRIPTION("Takes a number as a parameter");
MODULE_LICENSE("GPL");
