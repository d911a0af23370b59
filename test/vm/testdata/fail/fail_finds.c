// SPDX-License-Identifier: GPL-2.0
/* Sends a signal to the process whose number is written to its parameter pid, in one of three ways. */
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

static int how;
module_param(how, int, 0444);

/* The process may end at any time: each step looks at what it gets, and has a reference. */
static noinline int send_safely(pid_t nr)
{
	struct pid *pid = find_get_pid(nr);
	struct task_struct *task;
	int ret;

	task = get_pid_task(pid, PIDTYPE_PID); /* one */
	put_pid(pid);
	if (!task)
		return -ESRCH;
	ret = send_sig(SIGUSR1, task, 1); /* two */
	put_task_struct(task);
	return ret;
}

/* Believes that the process is there. */
static noinline int send_blindly(pid_t nr)
{
	struct pid *pid = find_get_pid(nr);
	struct task_struct *task;
	int ret;

	task = get_pid_task(pid, PIDTYPE_PID);
	put_pid(pid);
	ret = send_sig(SIGUSR1, task, 1);
	put_task_struct(task);
	return ret;
}

/* Has a task, and no reference to it. */
static noinline int send_without(pid_t nr)
{
	struct task_struct *task;

	rcu_read_lock();
	task = pid_task(find_vpid(nr), PIDTYPE_PID); /* three */
	rcu_read_unlock();
	return task ? send_sig(SIGUSR1, task, 1) : -ESRCH; /* four */
}

static int set_pid(const char *text, const struct kernel_param *kp)
{
	int nr, ret = kstrtoint(text, 10, &nr);

	if (ret)
		return ret;
	switch (how) {
	case 0:
		return send_safely(nr);
	case 1:
		return send_blindly(nr);
	}
	return send_without(nr);
}

static const struct kernel_param_ops pid_ops = { .set = set_pid };
module_param_cb(pid, &pid_ops, NULL, 0200);

static int __init finds_init(void)
{
	return 0;
}

static void __exit finds_exit(void)
{
}

module_init(finds_init);
module_exit(finds_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Sends a signal to a process that may end");
