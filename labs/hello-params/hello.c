// SPDX-License-Identifier: GPL-2.0
/*
 * hello - a module with parameters, which greets
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>

#define MOST 10

static char *name = "kernel";
static int times = 1;
//> TODO 1: make "name" and "times" parameters of the module, which everybody
//> may read in /sys/module/hello/parameters, and nobody may change there.
//>2 module_param(variable, type, mode): the type of a string is charp.
module_param(name, charp, 0444);
MODULE_PARM_DESC(name, "who is greeted");
module_param(times, int, 0444);
MODULE_PARM_DESC(times, "how often, 1 to 10");
//<

static int __init startup(void)
{
	//> TODO 2: print "hello, NAME" as often as "times" says, at the level of
	//> information. Refuse less than once and more than MOST times: print
	//> nothing, and return -EINVAL.
	//>2 pr_info() prints at that level. Its line ends with \n.
	int i;

	if (times < 1 || times > MOST)
		return -EINVAL;
	for (i = 0; i < times; i++)
		pr_info("hello, %s\n", name);
	//- pr_debug("%s, %d times, at most %d\n", name, times, MOST);
	//<
	return 0;
}

static void __exit cleanup(void)
{
	//> TODO 3: print "goodbye, NAME".
	pr_info("goodbye, %s\n", name);
	//<
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("Greets as often as one likes");
