// SPDX-License-Identifier: GPL-2.0
/*
 * mistyped - calls kfree by a wrong name
 */
#include <linux/init.h>
#include <linux/module.h>

void kfreee(const void *p);

static int __init mistyped_init(void)
{
	kfreee(NULL);
	return 0;
}

static void __exit mistyped_exit(void)
{
}

module_init(mistyped_init);
module_exit(mistyped_exit);
MODULE_DESCRIPTION("calls kfree by a wrong name");
MODULE_LICENSE("GPL");
