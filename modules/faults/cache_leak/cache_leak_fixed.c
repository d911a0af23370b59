// SPDX-License-Identifier: GPL-2.0
/*
 * cache_leak_fixed - frees its object and destroys its cache
 *
 * Purpose
 *	Like cache_leak.c, but the exit function frees the object and then
 *	destroys the cache.
 *
 *	To see the difference: diff -u cache_leak.c cache_leak_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/cache_leak --load cache_leak_fixed
 *
 * What you will see
 *	The verdict is pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>
#include <linux/slab.h>

static struct kmem_cache *cache;
static void *object;

static int __init cache_leak_init(void)
{
	cache = kmem_cache_create("cache_leak", 192, 0, 0, NULL);
	if (!cache)
		return -ENOMEM;
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	if (!object) {
		kmem_cache_destroy(cache);
		return -ENOMEM;
	}
	return 0;
}

static void __exit cache_leak_exit(void)
{
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
}

module_init(cache_leak_init);
module_exit(cache_leak_exit);

MODULE_DESCRIPTION("Frees its object and destroys its cache");
MODULE_LICENSE("GPL");
