// SPDX-License-Identifier: GPL-2.0
/*
 * mutex_held_fixed - unlocks its mutex before it returns
 *
 * Purpose
 *	Like mutex_held.c, but the init function unlocks the mutex.
 *
 *	To see the difference: diff -u mutex_held.c mutex_held_fixed.c
 *
 * Usage
 *	kmodlab run modules/faults/mutex_held --load mutex_held_fixed
 *
 * What you will see
 *	The verdict is pass.
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
	mutex_unlock(&lock);
	return 0;
}

static void __exit mutex_held_exit(void)
{
	mutex_lock(&lock);
	count--;
	mutex_unlock(&lock);
}

module_init(mutex_held_init);
module_exit(mutex_held_exit);

MODULE_DESCRIPTION("Unlocks its mutex before it returns");
MODULE_LICENSE("GPL");
