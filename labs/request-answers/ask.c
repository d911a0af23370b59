// SPDX-License-Identifier: GPL-2.0
/*
 * ask - a module that asks for another one, and understands the answer
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/init.h>
#include <linux/kmod.h>
#include <linux/module.h>

static char *name = "kmodlab-answer";
module_param(name, charp, 0444);
MODULE_PARM_DESC(name, "name or alias of the module that is asked for");

static int __init startup(void)
{
	//> TODO 1: ask for the module of that name, and wait for the answer. Load
	//> only if it was found. If modprobe could not be started, return the
	//> error; if modprobe did not find the module, return -ENOENT.
	//>2 request_module() takes a format, as printk() does.
	//>2 It returns a negative error, 0, or modprobe's exit status.
	//>3 The exit status is above zero, and must not be returned as it is.
	int ret = request_module("%s", name);

	if (ret < 0) {
		pr_err("modprobe could not be started: %d\n", ret);
		return ret;
	}
	if (ret > 0) {
		pr_err("there is no module %s\n", name);
		return -ENOENT;
	}
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
MODULE_DESCRIPTION("Asks for another module");
