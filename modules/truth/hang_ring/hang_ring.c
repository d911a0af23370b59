// SPDX-License-Identifier: GPL-2.0
/*
 * hang_ring - three threads, each of which holds the mutex that the one before it waits for
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>

static DEFINE_MUTEX(red);
static DEFINE_MUTEX(green);
static DEFINE_MUTEX(blue);
static struct task_struct *threads[3];

static int one_fn(void *unused)
{
	mutex_lock(&red);
	msleep(100);
	mutex_lock(&green);
	mutex_unlock(&green);
	mutex_unlock(&red);
	while (!kthread_should_stop())
		msleep(20);
	return 0;
}

static int two_fn(void *unused)
{
	mutex_lock(&green);
	msleep(100);
	mutex_lock(&blue);
	mutex_unlock(&blue);
	mutex_unlock(&green);
	while (!kthread_should_stop())
		msleep(20);
	return 0;
}

static int three_fn(void *unused)
{
	mutex_lock(&blue);
	msleep(100);
	mutex_lock(&red);
	mutex_unlock(&red);
	mutex_unlock(&blue);
	while (!kthread_should_stop())
		msleep(20);
	return 0;
}

static int __init hang_ring_init(void)
{
	int (*functions[])(void *) = { one_fn, two_fn, three_fn };
	int i;

	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		threads[i] = kthread_run(functions[i], NULL, "ring_%d", i + 1);
		if (IS_ERR(threads[i]))
			return PTR_ERR(threads[i]);
	}
	return 0;
}

static void __exit hang_ring_exit(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(threads); i++)
		kthread_stop(threads[i]);
}

module_init(hang_ring_init);
module_exit(hang_ring_exit);
MODULE_DESCRIPTION("three threads that take three mutexes in a ring");
MODULE_LICENSE("GPL");
