// SPDX-License-Identifier: GPL-2.0
/*
 * office - a server and its client, two threads of which one needs the other
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "desk.h"

static struct task_struct *server, *client;

/* The server's function. It returns how many questions it has answered. */
static int answer_questions(void *unused)
{
	int served = 0;

	//> TODO 1: serve() until the thread is asked to stop. Count the answers.
	while (!kthread_should_stop()) {
		if (serve())
			served++;
	}
	//- pr_info("nobody calls %ps() yet\n", serve);
	//- while (!kthread_should_stop())
	//- 	schedule_timeout_interruptible(HZ);
	//<

	return served;
}

/* The client's function. It returns how many answers it has got. */
static int ask_questions(void *unused)
{
	int answers = 0;

	//> TODO 2: ask(), and count the answer, again and again, until the thread is
	//> asked to stop.
	while (!kthread_should_stop()) {
		ask();
		answers++;
	}
	//- pr_info("nobody calls %ps() yet\n", ask);
	//- while (!kthread_should_stop())
	//- 	schedule_timeout_interruptible(HZ);
	//<

	return answers;
}

static int __init startup(void)
{
	//> TODO 3: start the thread "server", which runs answer_questions(), and the
	//> thread "client", which runs ask_questions(). If one of them cannot be had,
	//> the module does not load, and nothing is left behind.
	//>2 The server comes first: then there is somebody to ask, at any moment.
	//>3 If there is no client, the server has to be stopped again.
	server = kthread_run(answer_questions, NULL, "server");
	if (IS_ERR(server))
		return PTR_ERR(server);
	client = kthread_run(ask_questions, NULL, "client");
	if (IS_ERR(client)) {
		kthread_stop(server);
		return PTR_ERR(client);
	}
	//- pr_info("nobody runs %ps() and %ps() yet\n", answer_questions,
	//- 	ask_questions);
	//<
	return 0;
}

static void __exit cleanup(void)
{
	//> TODO 4: stop both threads. None may wait for the other when that one is
	//> gone. Print how many answers were got and given.
	//>2 Who is asked last is stopped last.
	int got = kthread_stop(client);
	int given = kthread_stop(server);

	pr_info("%d answers got, %d given\n", got, given);
	//- pr_info("%p and %p are not stopped\n", client, server);
	//<
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("A server and its client");
