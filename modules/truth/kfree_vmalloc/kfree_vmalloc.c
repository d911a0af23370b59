// SPDX-License-Identifier: GPL-2.0
/*
 * kfree_vmalloc - frees with kfree what vmalloc returned
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

static void *memory;

static int __init kfree_vmalloc_init(void)
{
	memory = vmalloc(4096);
	return memory ? 0 : -ENOMEM;
}

static void __exit kfree_vmalloc_exit(void)
{
	kfree(memory);
}

module_init(kfree_vmalloc_init);
module_exit(kfree_vmalloc_exit);
MODULE_DESCRIPTION("frees with kfree what vmalloc returned");
MODULE_LICENSE("GPL");
