// SPDX-License-Identifier: GPL-2.0
/*
 * setter_refuses - a parameter whose own setter takes even numbers only
 */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

static int step = 2;

static int set_step(const char *text, const struct kernel_param *kp)
{
	int n, ret = kstrtoint(text, 0, &n);

	if (ret)
		return ret;
	if (n % 2)
		return -EDOM;
	*(int *)kp->arg = n;
	return 0;
}

static const struct kernel_param_ops step_ops = {
	.set = set_step,
	.get = param_get_int,
};

module_param_cb(step, &step_ops, &step, 0444);
MODULE_PARM_DESC(step, "an even number");

static int __init setter_refuses_init(void)
{
	return 0;
}

static void __exit setter_refuses_exit(void)
{
}

module_init(setter_refuses_init);
module_exit(setter_refuses_exit);
MODULE_DESCRIPTION("a parameter whose own setter takes even numbers only");
MODULE_LICENSE("GPL");
