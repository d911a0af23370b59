// SPDX-License-Identifier: GPL-2.0
/*
 * ok_free_again - takes and frees the same sizes again and again, so that the
 * same addresses come back
 *
 * Nothing is wrong.
 */
#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

static struct kmem_cache *cache;
static unsigned long page;
static void *data;

static void ok_free_again_release(void)
{
	free_page(page);
	kfree(data);
	page = 0;
	data = NULL;
}

static int __init ok_free_again_init(void)
{
	struct page *pages;
	void *object;
	int i;

	cache = kmem_cache_create("ok_free_again", 1000, 0, 0, NULL);
	if (!cache)
		return -ENOMEM;
	for (i = 0; i < 30; i++) {
		object = kmem_cache_alloc(cache, GFP_KERNEL);
		if (object)
			kmem_cache_free(cache, object);
		pages = alloc_pages(GFP_KERNEL, 1);
		if (pages)
			__free_pages(pages, 1);
		page = get_zeroed_page(GFP_KERNEL);
		data = kmalloc(1000, GFP_KERNEL);
		ok_free_again_release();
	}
	page = __get_free_page(GFP_KERNEL);
	data = kmalloc(20000, GFP_KERNEL);
	return 0;
}

static void __exit ok_free_again_exit(void)
{
	ok_free_again_release();
	ok_free_again_release();
	kmem_cache_destroy(cache);
}

module_init(ok_free_again_init);
module_exit(ok_free_again_exit);
MODULE_DESCRIPTION("takes and frees the same addresses again and again");
MODULE_LICENSE("GPL");
