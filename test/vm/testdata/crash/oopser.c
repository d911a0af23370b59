// SPDX-License-Identifier: GPL-2.0
/*
 * oopser - reads through NULL in a kernel thread
 *
 * Purpose: a crash whose places are known: an inlined function, the one that
 * holds it, and its caller. The test finds them by the comments "line:".
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/task.h>

struct box {
	long pad[8];
	long value;
};

static struct box *nowhere;
static struct task_struct *worker;

static __always_inline long peek(struct box *b)
{
	return READ_ONCE(b->value); /* line: peek */
}

static noinline long read_box(void)
{
	long value = peek(READ_ONCE(nowhere)); /* line: read_box */

	pr_info("there is %ld in it\n", value);
	return value;
}

static int work(void *unused)
{
	long sum = read_box(); /* line: work */

	while (!kthread_should_stop())
		msleep_interruptible(100);
	return sum != 0;
}

static int __init oopser_init(void)
{
	worker = kthread_create(work, NULL, "oopser");
	if (IS_ERR(worker))
		return PTR_ERR(worker);
	get_task_struct(worker);
	wake_up_process(worker);
	return 0;
}

static void __exit oopser_exit(void)
{
	kthread_stop(worker);
	put_task_struct(worker);
}

module_init(oopser_init);
module_exit(oopser_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("kmodlab");
MODULE_DESCRIPTION("Reads through NULL in a kernel thread");
