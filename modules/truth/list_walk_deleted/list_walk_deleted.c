// SPDX-License-Identifier: GPL-2.0
/*
 * list_walk_deleted - walks on from an entry that it has deleted
 */
#include <linux/init.h>
#include <linux/list.h>
#include <linux/module.h>

struct item {
	struct list_head list;
	int value;
};

static LIST_HEAD(items);
static struct item one = { .value = 1 };
static struct item two = { .value = 2 };

static int __init list_walk_deleted_init(void)
{
	struct item *i;
	int sum = 0;

	list_add(&one.list, &items);
	list_add(&two.list, &items);
	list_for_each_entry(i, &items, list) {
		sum += i->value;
		list_del(&i->list);
	}
	return sum ? 0 : -EINVAL;
}

static void __exit list_walk_deleted_exit(void)
{
}

module_init(list_walk_deleted_init);
module_exit(list_walk_deleted_exit);
MODULE_DESCRIPTION("walks on from an entry that it has deleted");
MODULE_LICENSE("GPL");
