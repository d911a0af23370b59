// SPDX-License-Identifier: GPL-2.0
/*
 * vfree_kmalloc - frees with vfree what kmalloc returned
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

static void *memory;

static int __init vfree_kmalloc_init(void)
{
	memory = kmalloc(4096, GFP_KERNEL);
	return memory ? 0 : -ENOMEM;
}

static void __exit vfree_kmalloc_exit(void)
{
	vfree(memory);
}

module_init(vfree_kmalloc_init);
module_exit(vfree_kmalloc_exit);
MODULE_DESCRIPTION("frees with vfree what kmalloc returned");
MODULE_LICENSE("GPL");
