// SPDX-License-Identifier: GPL-2.0
/* Forgets the first allocation when the second fails. */
#include <linux/module.h>
#include <linux/slab.h>

static int size = 100;
module_param(size, int, 0444);

static char *first, *second;

static int __init leaks_init(void)
{
	first = kmalloc(size, GFP_KERNEL); /* leak */
	if (!first)
		return -ENOMEM;
	second = kmalloc(2 * size, GFP_KERNEL); /* fails */
	if (!second)
		return -ENOMEM;
	return 0;
}

static void __exit leaks_exit(void)
{
	kfree(second);
	kfree(first);
}

module_init(leaks_init);
module_exit(leaks_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Leaks when its second allocation fails");
