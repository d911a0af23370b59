// SPDX-License-Identifier: GPL-2.0
/*
 * api_class - creates a class as kernels from 6.4 on want it
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/module.h>

static struct class *lab;

static int __init api_class_init(void)
{
	lab = class_create("api_class");
	return PTR_ERR_OR_ZERO(lab);
}

static void __exit api_class_exit(void)
{
	class_destroy(lab);
}

module_init(api_class_init);
module_exit(api_class_exit);
MODULE_DESCRIPTION("creates a class as kernels from 6.4 on want it");
MODULE_LICENSE("GPL");
