// SPDX-License-Identifier: GPL-2.0
/*
 * list_del_twice - deletes an entry from its list twice
 */
#include <linux/init.h>
#include <linux/list.h>
#include <linux/module.h>

static LIST_HEAD(head);
static struct list_head entry;

static int __init list_del_twice_init(void)
{
	list_add(&entry, &head);
	list_del(&entry);
	list_del(&entry);
	return 0;
}

static void __exit list_del_twice_exit(void)
{
}

module_init(list_del_twice_init);
module_exit(list_del_twice_exit);
MODULE_DESCRIPTION("deletes an entry from its list twice");
MODULE_LICENSE("GPL");
