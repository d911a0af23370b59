// SPDX-License-Identifier: GPL-2.0
/*
 * request_answers - the results that request_module() can return
 *
 * Purpose
 *	Requests modules in every way that has a result of its own: a module that
 *	exists, one that does not, without a modprobe, with one that cannot be run,
 *	with one that is killed, from a workqueue, and without waiting.
 *
 * Usage
 *	sudo modprobe request_answers; sudo modprobe -r request_answers
 *	For a moment it changes /proc/sys/kernel/modprobe, so no other module can
 *	be requested at that time.
 *
 * What you will see (dmesg)
 *	request_target, there:              0
 *	request_absent, not there:          256, that is exit status 1
 *	request_nobody, no modprobe:        -ENOENT, and nothing is run
 *	request_denied, not executable:     -EACCES
 *	request_deadly, killed:             9, that is SIGKILL; it is loaded nevertheless
 *	request_queued, from a workqueue:   256, requested by a kworker
 *	request_unawaited, without waiting: 0, whatever modprobe will return
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kmod.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#define MODPROBE_SETTING "/proc/sys/kernel/modprobe"

/* As long as the kernel's own path can be (KMOD_PATH_LEN), and a line end. */
static char usual_modprobe[257];

/* A negative result is an errno, a positive one is a wait status. */
static void tell(const char *name, int ret)
{
	if (ret < 0)
		pr_info("%s: %pe\n", name, ERR_PTR(ret));
	else
		pr_info("%s: %d\n", name, ret);
}

/* Like cat /proc/sys/kernel/modprobe. */
static int __init get_modprobe(char *line, size_t size)
{
	struct file *file;
	loff_t pos = 0;
	ssize_t n;

	file = filp_open(MODPROBE_SETTING, O_RDONLY, 0);
	if (IS_ERR(file))
		return PTR_ERR(file);
	n = kernel_read(file, line, size - 1, &pos);
	filp_close(file, NULL);
	if (n < 0)
		return n;
	line[n] = '\0';
	return 0;
}

/* Like echo > /proc/sys/kernel/modprobe. */
static int __init set_modprobe(const char *line)
{
	struct file *file;
	loff_t pos = 0;
	ssize_t n;

	file = filp_open(MODPROBE_SETTING, O_WRONLY, 0);
	if (IS_ERR(file))
		return PTR_ERR(file);
	n = kernel_write(file, line, strlen(line), &pos);
	filp_close(file, NULL);
	return n < 0 ? n : 0;
}

static void request_from_work(struct work_struct *work)
{
	tell("request_queued", request_module("request_queued"));
}

static DECLARE_WORK(request_work, request_from_work);

/*
 * An init function may wait for modprobe, as long as that modprobe does not wait
 * for this module.
 */
static int __init startup(void)
{
	int ret;

	ret = get_modprobe(usual_modprobe, sizeof(usual_modprobe));
	if (ret)
		goto failed;

	tell("request_target", request_module("request_target"));
	tell("request_absent", request_module("request_absent"));

	ret = set_modprobe("\n");
	if (ret)
		goto failed;
	tell("request_nobody", request_module("request_nobody"));

	/* A file that always exists and that nobody may execute. */
	ret = set_modprobe("/proc/version\n");
	if (ret)
		goto failed;
	tell("request_denied", request_module("request_denied"));

	ret = set_modprobe(usual_modprobe);
	if (ret)
		goto failed;
	tell("request_deadly", request_module("request_deadly"));

	schedule_work(&request_work);
	flush_work(&request_work);

	tell("request_unawaited", request_module_nowait("request_unawaited"));
	return 0;

failed:
	pr_err("cannot use %s: %pe\n", MODPROBE_SETTING, ERR_PTR(ret));
	return ret;
}

static void __exit cleanup(void)
{
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("Requests modules in every way that has a result of its own");
