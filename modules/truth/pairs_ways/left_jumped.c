// SPDX-License-Identifier: GPL-2.0
/*
 * left_jumped - init's last call is a wrapper, whose last call registers a
 * reboot notifier, so that no frame of the module is left then
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/reboot.h>

static int left_jumped_call(struct notifier_block *nb, unsigned long event,
			    void *data)
{
	return NOTIFY_DONE;
}

static struct notifier_block notifier = { .notifier_call = left_jumped_call };

static noinline int left_jumped_hook(struct notifier_block *nb, int priority)
{
	nb->priority = priority;
	return register_reboot_notifier(nb);
}

static int __init left_jumped_init(void)
{
	return left_jumped_hook(&notifier, 3);
}

static void __exit left_jumped_exit(void)
{
}

module_init(left_jumped_init);
module_exit(left_jumped_exit);
MODULE_DESCRIPTION("registers a reboot notifier by two jumps");
MODULE_LICENSE("GPL");
