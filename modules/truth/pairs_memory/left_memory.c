// SPDX-License-Identifier: GPL-2.0
/*
 * left_memory - takes memory of five kinds, and gives nothing back
 */
#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/ioport.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

static unsigned long pages;
static int __percpu *counters;
static mempool_t *pool;
static struct kmem_cache *cache;

static int __init left_memory_init(void)
{
	int err;

	pages = __get_free_pages(GFP_KERNEL, 2);
	err = pages ? 0 : -ENOMEM;
	if (err)
		return err;
	counters = alloc_percpu(int);
	err = counters ? 0 : -ENOMEM;
	if (err)
		goto undo_1;
	pool = mempool_create_kmalloc_pool(2, 64);
	err = pool ? 0 : -ENOMEM;
	if (err)
		goto undo_2;
	cache = kmem_cache_create("left_memory", 96, 0, SLAB_POISON, NULL);
	err = cache ? 0 : -ENOMEM;
	if (err)
		goto undo_3;
	err = request_region(0x9f0, 4, "left_memory") ? 0 : -EBUSY;
	if (err)
		goto undo_4;
	return 0;

undo_4:
	kmem_cache_destroy(cache);
undo_3:
	mempool_destroy(pool);
undo_2:
	free_percpu(counters);
undo_1:
	free_pages(pages, 2);
	return err;
}

static void __exit left_memory_exit(void)
{
	pr_info("left_memory: nothing is given back\n");
}

module_init(left_memory_init);
module_exit(left_memory_exit);
MODULE_DESCRIPTION("takes memory of five kinds");
MODULE_LICENSE("GPL");
