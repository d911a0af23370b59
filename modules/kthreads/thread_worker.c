// SPDX-License-Identifier: GPL-2.0
/*
 * thread_worker - a kernel thread that does the works of a queue
 *
 * Purpose
 *	Shows kthread_worker: a thread with a function of the kernel, which calls the
 *	functions of the works that are queued to it, one after the other.
 *
 * Usage
 *	sudo modprobe thread_worker; sudo modprobe -r thread_worker
 *
 * What you will see (dmesg)
 *	The worker does works 1, 2 and 3, in the order in which init queued them.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

/* The work is embedded in the job, so its function can find the job. */
struct job {
	struct kthread_work work;
	int number;
};

static struct job jobs[3];
static struct kthread_worker *worker;

static void do_job(struct kthread_work *work)
{
	struct job *job = container_of(work, struct job, work);

	pr_info("%s: work %d\n", current->comm, job->number);
}

static int __init startup(void)
{
	int i;

	worker = kthread_create_worker(0, "job_worker");
	if (IS_ERR(worker)) {
		pr_err("cannot start the worker: %pe\n", worker);
		return PTR_ERR(worker);
	}
	/* Before 6.14, kthread_create_worker() woke the thread itself. */
	wake_up_process(worker->task);

	for (i = 0; i < ARRAY_SIZE(jobs); i++) {
		jobs[i].number = i + 1;
		kthread_init_work(&jobs[i].work, do_job);
		kthread_queue_work(worker, &jobs[i].work);
	}
	return 0;
}

/* Waits for the works that are still queued, then stops the thread. */
static void __exit cleanup(void)
{
	kthread_destroy_worker(worker);
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("A kthread_worker that does three works");
