// SPDX-License-Identifier: GPL-2.0
/*
 * double_free_cache - frees an object of its cache twice, with another one in
 * between, which the allocator does not notice
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/slab.h>

#define SIZE 2000

static struct kmem_cache *cache;
static void *a;
static void *b;

static int __init double_free_cache_init(void)
{
	cache = kmem_cache_create("double_free_cache", SIZE, 0, 0, NULL);
	if (!cache)
		return -ENOMEM;
	a = kmem_cache_alloc(cache, GFP_KERNEL);
	b = kmem_cache_alloc(cache, GFP_KERNEL);
	return 0;
}

static void __exit double_free_cache_exit(void)
{
	kmem_cache_free(cache, a);
	kmem_cache_free(cache, b);
	kmem_cache_free(cache, a);
	/* To destroy the cache would walk its broken list for ever. */
	pr_info("double_free_cache: bye\n");
}

module_init(double_free_cache_init);
module_exit(double_free_cache_exit);
MODULE_DESCRIPTION("frees an object of a cache twice");
MODULE_LICENSE("GPL");
