// SPDX-License-Identifier: GPL-2.0
/*
 * cache_busy - destroys a slab cache that still has an object
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

static struct kmem_cache *cache;
static void *object;

static void construct(void *p)
{
	memset(p, 0, 200);
}

static int __init cache_busy_init(void)
{
	/* With a constructor it is not merged with another cache. */
	cache = kmem_cache_create("cache_busy", 200, 0, 0, construct);
	if (!cache)
		return -ENOMEM;
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	if (!object) {
		kmem_cache_destroy(cache);
		return -ENOMEM;
	}
	return 0;
}

static void __exit cache_busy_exit(void)
{
	kmem_cache_destroy(cache);
}

module_init(cache_busy_init);
module_exit(cache_busy_exit);
MODULE_DESCRIPTION("destroys a slab cache that still has an object");
MODULE_LICENSE("GPL");
