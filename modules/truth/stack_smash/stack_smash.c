// SPDX-License-Identifier: GPL-2.0
/*
 * stack_smash - writes beyond the end of a local array
 */
#include <linux/init.h>
#include <linux/module.h>

static int length = 64;
module_param(length, int, 0444);
MODULE_PARM_DESC(length, "bytes to write");

static noinline int fill(int n)
{
	char small[16];
	volatile char *p = small;
	int i;

	for (i = 0; i < n; i++)
		p[i] = 'x';
	return p[3];
}

static int __init stack_smash_init(void)
{
	return fill(length) == 'x' ? 0 : -EINVAL;
}

static void __exit stack_smash_exit(void)
{
}

module_init(stack_smash_init);
module_exit(stack_smash_exit);
MODULE_DESCRIPTION("writes beyond the end of a local array");
MODULE_LICENSE("GPL");
