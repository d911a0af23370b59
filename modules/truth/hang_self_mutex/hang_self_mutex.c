// SPDX-License-Identifier: GPL-2.0
/*
 * hang_self_mutex - init takes a mutex that it holds
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/mutex.h>

static DEFINE_MUTEX(lock);
static int count;

static noinline int total(void)
{
	int n;

	mutex_lock(&lock);
	n = count;
	mutex_unlock(&lock);
	return n;
}

static int __init hang_self_mutex_init(void)
{
	mutex_lock(&lock);
	count++;
	pr_info("hang_self_mutex: total %d\n", total());
	mutex_unlock(&lock);
	return 0;
}

static void __exit hang_self_mutex_exit(void)
{
}

module_init(hang_self_mutex_init);
module_exit(hang_self_mutex_exit);
MODULE_DESCRIPTION("init takes a mutex that it holds");
MODULE_LICENSE("GPL");
