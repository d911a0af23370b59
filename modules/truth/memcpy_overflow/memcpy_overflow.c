// SPDX-License-Identifier: GPL-2.0
/*
 * memcpy_overflow - copies more bytes than its buffer has
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/string.h>

static unsigned int length = 40;
module_param(length, uint, 0444);
MODULE_PARM_DESC(length, "bytes to copy");

static char from[64];
static char to[16];

static int __init memcpy_overflow_init(void)
{
	memcpy(to, from, length);
	return to[0];
}

static void __exit memcpy_overflow_exit(void)
{
}

module_init(memcpy_overflow_init);
module_exit(memcpy_overflow_exit);
MODULE_DESCRIPTION("copies more bytes than its buffer has");
MODULE_LICENSE("GPL");
