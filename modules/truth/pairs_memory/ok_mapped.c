// SPDX-License-Identifier: GPL-2.0
/*
 * ok_mapped - takes pages, maps one, and formats a text, and gives all of it back
 */
#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/vmalloc.h>

static struct page *page;
static void *mapped;
static void *exact;
static char *text;
static struct srcu_struct srcu;

static int __init ok_mapped_init(void)
{
	int err;

	page = alloc_pages(GFP_KERNEL, 0);
	err = page ? 0 : -ENOMEM;
	if (err)
		return err;
	mapped = vmap(&page, 1, VM_MAP, PAGE_KERNEL);
	err = mapped ? 0 : -ENOMEM;
	if (err)
		goto undo_1;
	exact = alloc_pages_exact(3 * PAGE_SIZE, GFP_KERNEL);
	err = exact ? 0 : -ENOMEM;
	if (err)
		goto undo_2;
	text = kasprintf(GFP_KERNEL, "%d bottles", 99);
	err = text ? 0 : -ENOMEM;
	if (err)
		goto undo_3;
	err = init_srcu_struct(&srcu);
	if (err)
		goto undo_4;
	return 0;

undo_4:
	kfree(text);
undo_3:
	free_pages_exact(exact, 3 * PAGE_SIZE);
undo_2:
	vunmap(mapped);
undo_1:
	__free_pages(page, 0);
	return err;
}

static void __exit ok_mapped_exit(void)
{
	cleanup_srcu_struct(&srcu);
	kfree(text);
	free_pages_exact(exact, 3 * PAGE_SIZE);
	vunmap(mapped);
	__free_pages(page, 0);
}

module_init(ok_mapped_init);
module_exit(ok_mapped_exit);
MODULE_DESCRIPTION("takes pages, maps one, and formats a text");
MODULE_LICENSE("GPL");
