// SPDX-License-Identifier: GPL-2.0
/*
 * hang_rwsem - init takes a semaphore for writing while it reads
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/rwsem.h>

static DECLARE_RWSEM(table);

static int __init hang_rwsem_init(void)
{
	down_read(&table);
	down_write(&table);
	up_write(&table);
	up_read(&table);
	return 0;
}

static void __exit hang_rwsem_exit(void)
{
}

module_init(hang_rwsem_init);
module_exit(hang_rwsem_exit);
MODULE_DESCRIPTION("init takes a semaphore for writing while it reads");
MODULE_LICENSE("GPL");
