// SPDX-License-Identifier: GPL-2.0
/*
 * hang_abba - two threads that take two mutexes in different orders
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>

static DEFINE_MUTEX(left);
static DEFINE_MUTEX(right);
static struct task_struct *one, *two;

static int one_fn(void *unused)
{
	while (!kthread_should_stop()) {
		mutex_lock(&left);
		msleep(20);
		mutex_lock(&right);
		mutex_unlock(&right);
		mutex_unlock(&left);
		msleep(10);
	}
	return 0;
}

static int two_fn(void *unused)
{
	while (!kthread_should_stop()) {
		mutex_lock(&right);
		msleep(20);
		mutex_lock(&left);
		mutex_unlock(&left);
		mutex_unlock(&right);
		msleep(10);
	}
	return 0;
}

static int __init hang_abba_init(void)
{
	one = kthread_run(one_fn, NULL, "abba_one");
	if (IS_ERR(one))
		return PTR_ERR(one);
	two = kthread_run(two_fn, NULL, "abba_two");
	if (IS_ERR(two)) {
		kthread_stop(one);
		return PTR_ERR(two);
	}
	return 0;
}

static void __exit hang_abba_exit(void)
{
	kthread_stop(one);
	kthread_stop(two);
}

module_init(hang_abba_init);
module_exit(hang_abba_exit);
MODULE_DESCRIPTION("two threads that take two mutexes in different orders");
MODULE_LICENSE("GPL");
