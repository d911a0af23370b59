// SPDX-License-Identifier: GPL-2.0
/*
 * own_part - is named like one of its parts
 */
#include <linux/init.h>
#include <linux/module.h>

int own_part_value(void);

static int __init own_part_init(void)
{
	return own_part_value() - 1;
}

static void __exit own_part_exit(void)
{
}

module_init(own_part_init);
module_exit(own_part_exit);
MODULE_DESCRIPTION("is named like one of its parts");
MODULE_LICENSE("GPL");
