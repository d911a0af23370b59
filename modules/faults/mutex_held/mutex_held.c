// SPDX-License-Identifier: GPL-2.0
/*
 * mutex_held - returns with its mutex held
 *
 * Purpose
 *	An error path forgets to unlock. The next function that locks the
 *	mutex waits forever: here it is the exit function.
 *
 *	A task that waits for a mutex cannot be killed, not even with
 *	SIGKILL.
 *
 * Usage
 *	kmodlab run modules/faults/mutex_held --load mutex_held
 *
 * What you will see
 *	The unload never ends; the verdict is hung, modprobe in
 *	mutex_held_exit.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>
#include <linux/mutex.h>

static DEFINE_MUTEX(lock);
static int count;

static int __init mutex_held_init(void)
{
	mutex_lock(&lock);
	count++;
	return 0;
}

static void __exit mutex_held_exit(void)
{
	mutex_lock(&lock); /* fault */
	count--;
	mutex_unlock(&lock);
}

module_init(mutex_held_init);
module_exit(mutex_held_exit);

MODULE_DESCRIPTION("Returns with its mutex held");
MODULE_LICENSE("GPL");
