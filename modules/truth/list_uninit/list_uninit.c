// SPDX-License-Identifier: GPL-2.0
/*
 * list_uninit - adds to a list whose head nobody initialised
 */
#include <linux/init.h>
#include <linux/list.h>
#include <linux/module.h>

static struct list_head head;
static struct list_head entry;

static int __init list_uninit_init(void)
{
	list_add(&entry, &head);
	return 0;
}

static void __exit list_uninit_exit(void)
{
	list_del(&entry);
}

module_init(list_uninit_init);
module_exit(list_uninit_exit);
MODULE_DESCRIPTION("adds to a list whose head nobody initialised");
MODULE_LICENSE("GPL");
