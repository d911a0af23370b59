// SPDX-License-Identifier: GPL-2.0
/*
 * ok_slow_queue - exit waits for a thread that works off a list, with a nap for each of its nodes
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/wait.h>

struct job {
	struct job *next;
	int done;
};

static struct job jobs[70];
static struct task_struct *worker, *idler;
static DECLARE_WAIT_QUEUE_HEAD(queue);
static bool asked;

static int worker_fn(void *first)
{
	struct job *job;

	while (!kthread_should_stop()) {
		for (job = READ_ONCE(first); job; job = READ_ONCE(job->next)) {
			WRITE_ONCE(job->done, 1);
			msleep(200);
		}
		first = NULL;
		schedule_timeout_interruptible(HZ);
	}
	return 0;
}

static int idler_fn(void *unused)
{
	while (!kthread_should_stop())
		wait_event_interruptible(queue, READ_ONCE(asked) ||
							kthread_should_stop());
	return 0;
}

static int __init ok_slow_queue_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(jobs) - 1; i++)
		jobs[i].next = &jobs[i + 1];
	idler = kthread_run(idler_fn, NULL, "idler");
	if (IS_ERR(idler))
		return PTR_ERR(idler);
	worker = kthread_run(worker_fn, jobs, "worker");
	if (IS_ERR(worker)) {
		kthread_stop(idler);
		return PTR_ERR(worker);
	}
	return 0;
}

static void __exit ok_slow_queue_exit(void)
{
	kthread_stop(worker);
	kthread_stop(idler);
}

module_init(ok_slow_queue_init);
module_exit(ok_slow_queue_exit);
MODULE_DESCRIPTION(
	"exit waits for a thread that works off a list, with a nap for each of its nodes");
MODULE_LICENSE("GPL");
