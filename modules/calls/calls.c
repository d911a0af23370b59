// SPDX-License-Identifier: GPL-2.0
/*
 * kmodlab_calls - is reached by system calls in all ways that the tracer knows
 *
 * Purpose
 *	TestCalls in test/vm loads this module and lets use.c call it. Each call must
 *	be recorded once, and with the function of this module that served it. There
 *	are a misc device, files in /proc with operations of their own, with
 *	single_open(), with seq_operations and with a function only, a device
 *	attribute, a parameter, files in debugfs, and a family of sockets.
 *
 * Usage
 *	insmod kmodlab_calls.ko; ./use
 *
 * Kernels 5.10 to 7.3.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/poll.h>
#include <linux/proc_fs.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>

#include "calls.h"

static struct page *shared;

static long wait_for_signal(void)
{
	while (!signal_pending(current)) {
		set_current_state(TASK_INTERRUPTIBLE);
		schedule();
	}
	return -EINTR;
}

static int dev_open(struct inode *inode, struct file *file)
{
	if (file->f_flags & O_EXCL)
		return -EBUSY;
	return file->f_flags & O_NONBLOCK ? wait_for_signal() : 0;
}

static int dev_release(struct inode *inode, struct file *file)
{
	return 0;
}

static ssize_t dev_read(struct file *file, char __user *to, size_t n,
			loff_t *pos)
{
	return clear_user(to, n) ? -EFAULT : n;
}

static ssize_t dev_write(struct file *file, const char __user *from, size_t n,
			 loff_t *pos)
{
	return n > 100 ? -EINVAL : n;
}

static loff_t dev_llseek(struct file *file, loff_t offset, int whence)
{
	return noop_llseek(file, offset, whence);
}

static __poll_t dev_poll(struct file *file, struct poll_table_struct *wait)
{
	return EPOLLIN | EPOLLOUT;
}

static int wait_for_stop(void *begun)
{
	complete(begun);

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

/* Waits for the first run: a thread that is stopped before it never calls its function. */
static long run_thread(void)
{
	DECLARE_COMPLETION_ONSTACK(begun);
	struct task_struct *t;

	t = kthread_run(wait_for_stop, &begun, "kmodlab_calls");
	if (IS_ERR(t))
		return PTR_ERR(t);
	wait_for_completion(&begun);
	return kthread_stop(t);
}

static long dev_ioctl(struct file *file, unsigned int request,
		      unsigned long arg)
{
	switch (request) {
	case CALLS_NOTHING:
		return 0;
	case CALLS_THREAD:
		return run_thread();
	case CALLS_SIGNAL:
		return send_sig(arg, current, 1);
	case CALLS_WAIT:
		return wait_for_signal();
	case CALLS_FAULT:
		return READ_ONCE(*(int *)arg);
	case CALLS_RING:
		return calls_ring(arg);
	case CALLS_LATER:
		return calls_ring_later(arg);
	}
	return -ENOTTY;
}

static int dev_mmap(struct file *file, struct vm_area_struct *vma)
{
	return vm_insert_page(vma, vma->vm_start, shared);
}

static int dev_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	return 0;
}

static const struct file_operations dev_fops = {
	.owner = THIS_MODULE,
	.open = dev_open,
	.release = dev_release,
	.read = dev_read,
	.write = dev_write,
	.llseek = dev_llseek,
	.poll = dev_poll,
	.unlocked_ioctl = dev_ioctl,
	.mmap = dev_mmap,
	.fsync = dev_fsync,
};

static ssize_t level_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	return sprintf(buf, "1\n");
}

static ssize_t level_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t n)
{
	return n;
}
static DEVICE_ATTR_RW(level);

static struct attribute *dev_attrs[] = { &dev_attr_level.attr, NULL };
ATTRIBUTE_GROUPS(dev);

static struct miscdevice dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "kmodlab_calls",
	.fops = &dev_fops,
	.groups = dev_groups,
	.mode = 0666,
};

static int plain;
module_param(plain, int, 0644);

static int own_set(const char *val, const struct kernel_param *kp)
{
	return param_set_int(val, kp);
}

static int own_get(char *buf, const struct kernel_param *kp)
{
	return param_get_int(buf, kp);
}

static const struct kernel_param_ops own_ops = { .set = own_set,
						 .get = own_get };
static int own;
module_param_cb(own, &own_ops, &own, 0644);

static ssize_t ops_read(struct file *file, char __user *to, size_t n,
			loff_t *pos)
{
	return simple_read_from_buffer(to, n, pos, "ops\n", 4);
}

static ssize_t ops_write(struct file *file, const char __user *from, size_t n,
			 loff_t *pos)
{
	return n;
}

static const struct proc_ops ops_proc = { .proc_read = ops_read,
					  .proc_write = ops_write };

static int show(struct seq_file *m, void *unused)
{
	seq_puts(m, "shown\n");
	return 0;
}

static int single_opened(struct inode *inode, struct file *file)
{
	return single_open(file, show, NULL);
}

static const struct proc_ops single_proc = {
	.proc_open = single_opened,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
};

static void *list_start(struct seq_file *m, loff_t *pos)
{
	return *pos ? NULL : &shared;
}

static void *list_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return NULL;
}

static void list_stop(struct seq_file *m, void *v)
{
}

static int list_show(struct seq_file *m, void *v)
{
	seq_puts(m, "listed\n");
	return 0;
}

static const struct seq_operations list_ops = {
	.start = list_start,
	.next = list_next,
	.stop = list_stop,
	.show = list_show,
};

static const struct file_operations plain_fops = {
	.owner = THIS_MODULE,
	.read = ops_read,
	.write = ops_write,
};

static int debug_show(struct seq_file *m, void *unused)
{
	return show(m, unused);
}
DEFINE_SHOW_ATTRIBUTE(debug);

static int number_get(void *data, u64 *val)
{
	*val = 7;
	return 0;
}

static int number_set(void *data, u64 val)
{
	return 0;
}
DEFINE_SIMPLE_ATTRIBUTE(simple_number, number_get, number_set, "%llu\n");
DEFINE_DEBUGFS_ATTRIBUTE(debug_number, number_get, number_set, "%llu\n");

static struct proc_dir_entry *proc_dir;
static struct dentry *debug_dir;

static int add_proc(void)
{
	proc_dir = proc_mkdir("kmodlab_calls", NULL);
	if (!proc_dir)
		return -ENOMEM;
	if (proc_create("ops", 0644, proc_dir, &ops_proc) &&
	    proc_create("single", 0444, proc_dir, &single_proc) &&
	    proc_create_seq("list", 0444, proc_dir, &list_ops) &&
	    proc_create_single("function", 0444, proc_dir, show))
		return 0;
	proc_remove(proc_dir);
	return -ENOMEM;
}

static void add_debugfs(void)
{
	debug_dir = debugfs_create_dir("kmodlab_calls", NULL);
	debugfs_create_file("ops", 0644, debug_dir, NULL, &plain_fops);
	debugfs_create_file("seq", 0444, debug_dir, NULL, &debug_fops);
	debugfs_create_file("simple", 0644, debug_dir, NULL, &simple_number);
	debugfs_create_file_unsafe("unsafe", 0644, debug_dir, NULL,
				   &debug_number);
}

static int __init calls_init(void)
{
	int ret;

	shared = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!shared)
		return -ENOMEM;
	ret = add_proc();
	if (ret)
		goto free_page;
	ret = calls_socket_init();
	if (ret)
		goto remove_proc;
	ret = calls_bell_init();
	if (ret)
		goto remove_socket;
	ret = misc_register(&dev);
	if (ret)
		goto stop_bell;
	add_debugfs();
	return 0;

stop_bell:
	calls_bell_exit();
remove_socket:
	calls_socket_exit();
remove_proc:
	proc_remove(proc_dir);
free_page:
	__free_page(shared);
	return ret;
}
module_init(calls_init);

static void __exit calls_exit(void)
{
	debugfs_remove_recursive(debug_dir);
	misc_deregister(&dev);
	calls_bell_exit();
	calls_socket_exit();
	proc_remove(proc_dir);
	__free_page(shared);
}
module_exit(calls_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION(
	"Is reached by system calls in all ways that the tracer knows");
