// SPDX-License-Identifier: GPL-2.0
/*
 * held_by_get - holds another module with symbol_get(), until exit
 *
 * No symbol joins the two, so modprobe does not know that this one has to go
 * first. Both go in the end.
 */
#include "held_by_get.h"

#include <linux/init.h>
#include <linux/module.h>

static int (*answer)(void);

static int __init held_by_get_init(void)
{
	answer = symbol_request(held_by_get_answer);
	if (!answer)
		return -ENOENT;
	pr_info("held_by_get: the answer is %d\n", answer());
	return 0;
}

static void __exit held_by_get_exit(void)
{
	symbol_put(held_by_get_answer);
}

module_init(held_by_get_init);
module_exit(held_by_get_exit);
MODULE_DESCRIPTION("holds another module with symbol_get(), until exit");
MODULE_LICENSE("GPL");
