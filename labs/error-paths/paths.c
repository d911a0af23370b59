// SPDX-License-Identifier: GPL-2.0
/*
 * paths - three things that init takes, and what it does if one is not there
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#define SIZE 64

static char *buffer;
static struct proc_dir_entry *entry;
static struct task_struct *task;

/* The thread's function: writes into the buffer, ten times a second. */
static int count(void *unused)
{
	int n = 0;

	for (;;) {
		scnprintf(buffer, SIZE, "%d\n", ++n);
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule_timeout(HZ / 10);
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

static ssize_t read(struct file *file, char __user *to, size_t n, loff_t *at)
{
	return simple_read_from_buffer(to, n, at, buffer,
				       strnlen(buffer, SIZE));
}

static const struct proc_ops operations = { .proc_read = read };

static int __init startup(void)
{
	//> TODO 1: take, in this order, SIZE bytes of memory that are zero for the
	//> buffer, the file /proc/paths with these operations, and a thread "paths"
	//> that runs count(). If one of them cannot be had, give back what you have,
	//> and return the error.
	//>2 kzalloc() and proc_create() return NULL if they fail: that is -ENOMEM.
	//>2 kthread_run() returns an ERR_PTR: the error is in it.
	//>3 One label for each thing that is to be given back, in reverse order,
	//>3 and a goto to the right one from each place where something fails.
	int ret = -ENOMEM;

	buffer = kzalloc(SIZE, GFP_KERNEL);
	if (!buffer)
		return -ENOMEM;
	entry = proc_create("paths", 0444, NULL, &operations);
	if (!entry)
		goto free_buffer;
	task = kthread_run(count, NULL, "paths");
	if (IS_ERR(task)) {
		ret = PTR_ERR(task);
		goto remove_entry;
	}
	return 0;

remove_entry:
	proc_remove(entry);
free_buffer:
	kfree(buffer);
	return ret;
	//- pr_info("%ps() and %p are not used yet\n", count, &operations);
	//- return 0;
	//<
}

static void __exit cleanup(void)
{
	//> TODO 2: give everything back, in reverse order.
	//>2 kthread_stop(), proc_remove(), kfree().
	kthread_stop(task);
	proc_remove(entry);
	kfree(buffer);
	//- pr_info("%p, %p and %p stay\n", task, entry, buffer);
	//<
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("Three things that init takes, and how it gives them back");
