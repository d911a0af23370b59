// SPDX-License-Identifier: GPL-2.0
/*
 * answer - prints what answer.h says
 *
 * The lab's own: what you change here does not count.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>

#include "answer.h"

static int __init startup(void)
{
	pr_info("line %d, cause %d\n", ANSWER_LINE, ANSWER_CAUSE);
	return 0;
}

static void __exit cleanup(void)
{
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("What was found out about the patient");
