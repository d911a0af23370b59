// SPDX-License-Identifier: GPL-2.0
/*
 * hang_semaphore - init takes a semaphore twice
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/semaphore.h>

static struct semaphore gate;

static int __init hang_semaphore_init(void)
{
	sema_init(&gate, 1);
	down(&gate);
	down(&gate);
	up(&gate);
	return 0;
}

static void __exit hang_semaphore_exit(void)
{
}

module_init(hang_semaphore_init);
module_exit(hang_semaphore_exit);
MODULE_DESCRIPTION("init takes a semaphore twice");
MODULE_LICENSE("GPL");
