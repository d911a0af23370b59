// SPDX-License-Identifier: GPL-2.0
/*
 * double_free_page - frees a page by its address, and once more by its
 * description, which the kernel does not notice
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/printk.h>

static unsigned long page;

static int __init double_free_page_init(void)
{
	page = __get_free_page(GFP_KERNEL);
	pr_info("double_free_page: %d\n", page != 0);
	return 0;
}

static void __exit double_free_page_exit(void)
{
	struct page *same = virt_to_page((void *)page);

	free_page(page);
	pr_info("double_free_page: freed\n");
	__free_page(same);
	pr_info("double_free_page: bye\n");
}

module_init(double_free_page_init);
module_exit(double_free_page_exit);
MODULE_DESCRIPTION("frees a page twice");
MODULE_LICENSE("GPL");
