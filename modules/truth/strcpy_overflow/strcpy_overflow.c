// SPDX-License-Identifier: GPL-2.0
/*
 * strcpy_overflow - copies a parameter into a buffer that is too small for it
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

static char *text = "a text of more than eight bytes";
module_param(text, charp, 0444);
MODULE_PARM_DESC(text, "what to copy");

static char *small;

static int __init strcpy_overflow_init(void)
{
	small = kmalloc(8, GFP_KERNEL);
	if (!small)
		return -ENOMEM;
	strcpy(small, text);
	return 0;
}

static void __exit strcpy_overflow_exit(void)
{
	kfree(small);
}

module_init(strcpy_overflow_init);
module_exit(strcpy_overflow_exit);
MODULE_DESCRIPTION("copies a parameter into a buffer that is too small for it");
MODULE_LICENSE("GPL");
