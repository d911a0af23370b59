// SPDX-License-Identifier: GPL-2.0
/*
 * thread_park - one kernel thread for each CPU, parked and unparked
 *
 * Purpose
 *	Shows how a thread is bound to one CPU, and how it is parked: it stays
 *	alive and does nothing until it is unparked. The kernel parks its own per-CPU
 *	threads when a CPU goes offline.
 *
 * Usage
 *	sudo modprobe thread_park; sudo modprobe -r thread_park
 *
 * What you will see (dmesg)
 *	For each CPU: on/N runs on CPU N, is parked, runs on CPU N again.
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/topology.h>

static DEFINE_PER_CPU(struct task_struct *, thread);

/*
 * Sleeps until it should park or stop. The flags are read after the state is
 * set, so that a wake-up between the test and the sleep is not lost.
 */
static void sleep_until_told(void)
{
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop() || kthread_should_park())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

static int stay_on_cpu(void *begun)
{
	complete(begun);
	while (!kthread_should_stop()) {
		/* The thread is bound, so the CPU cannot change. */
		pr_info("%s: on CPU %d\n", current->comm,
			raw_smp_processor_id());
		sleep_until_told();
		if (kthread_should_park())
			kthread_parkme();
	}
	return 0;
}

/*
 * kthread_bind() works only before the thread runs for the first time.
 * kthread_create_on_cpu() creates and binds a thread, but modules cannot call it
 * before 5.17.
 *
 * A thread that is parked before its first run calls its function only after
 * kthread_unpark(). Here it should be parked inside its function.
 */
static struct task_struct *__init start_on(unsigned int cpu)
{
	DECLARE_COMPLETION_ONSTACK(begun);
	struct task_struct *task;

	task = kthread_create_on_node(stay_on_cpu, &begun, cpu_to_node(cpu),
				      "on/%u", cpu);
	if (IS_ERR(task))
		return task;
	kthread_bind(task, cpu);
	wake_up_process(task);
	wait_for_completion(&begun);
	return task;
}

static void stop_all(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		if (per_cpu(thread, cpu))
			kthread_stop(per_cpu(thread, cpu));
		per_cpu(thread, cpu) = NULL;
	}
}

static int __init startup(void)
{
	struct task_struct *task;
	unsigned int cpu;
	int ret = 0;

	/* No CPU goes online or offline meanwhile. */
	cpus_read_lock();
	for_each_online_cpu(cpu) {
		task = start_on(cpu);
		if (IS_ERR(task)) {
			ret = PTR_ERR(task);
			pr_err("cannot start a thread on CPU %u: %pe\n", cpu,
			       task);
			break;
		}
		per_cpu(thread, cpu) = task;

		/* Returns when the thread is in kthread_parkme(). */
		ret = kthread_park(task);
		if (ret)
			break;
		pr_info("on/%u is parked\n", cpu);
		kthread_unpark(task);
	}
	cpus_read_unlock();

	if (ret)
		stop_all();
	return ret;
}

static void __exit cleanup(void)
{
	stop_all();
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("Kernel threads bound to a CPU, parked and unparked");
