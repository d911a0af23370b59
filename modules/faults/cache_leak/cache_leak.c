// SPDX-License-Identifier: GPL-2.0
/*
 * cache_leak - leaves an object of its own cache, and the cache
 *
 * Purpose
 *	A cache holds objects of one kind. Free the objects with
 *	kmem_cache_free(), and then the cache with kmem_cache_destroy().
 *
 * Usage
 *	kmodlab run modules/faults/cache_leak --load cache_leak
 *
 * What you will see
 *	The verdict is leak: 192 bytes allocated in cache_leak_init, and the
 *	cache in /sys/kernel/slab if it was not merged with another one.
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
	object = kmem_cache_alloc(cache, GFP_KERNEL); /* fault */
	if (!object) {
		kmem_cache_destroy(cache);
		return -ENOMEM;
	}
	return 0;
}

static void __exit cache_leak_exit(void)
{
}

module_init(cache_leak_init);
module_exit(cache_leak_exit);

MODULE_DESCRIPTION("Leaves an object of its own cache, and the cache");
MODULE_LICENSE("GPL");
