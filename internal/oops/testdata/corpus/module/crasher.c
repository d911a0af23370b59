// SPDX-License-Identifier: GPL-2.0
/*
 * crasher - fails in the way that a parameter names
 *
 * Purpose: the consoles of this folder's corpus. It is loaded in throw-away VMs
 * only:
 *
 *	kmodlab run module --params crasher.what=list --json list.json
 */

#include <linux/module.h>
#include <linux/kthread.h>
#include <linux/delay.h>
#include <linux/slab.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/refcount.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/vmalloc.h>
#include <linux/sched/task.h>

static char *what = "null";
module_param(what, charp, 0444);
static struct task_struct *worker;
static DEFINE_SPINLOCK(lock);
static DEFINE_MUTEX(mutex);

struct box {
	long pad[8];
	long value;
};
static struct box *volatile nowhere;
static volatile long zero;

static inline __attribute__((always_inline)) long peek(struct box *b)
{
	return READ_ONCE(b->value);
}

static noinline int read_box(void)
{
	int v = peek(nowhere);

	pr_info("read %d\n", v);
	return v;
}

static noinline int deep(int n)
{
	volatile char pad[512];

	memset((char *)pad, n, sizeof(pad));
	return n < 0 ? 0 : deep(n + 1) + pad[n & 511];
}

static noinline void corrupt_list(void)
{
	static LIST_HEAD(head);
	static struct list_head a, b;

	list_add(&a, &head);
	a.next = &b;
	list_add(&b, &head);
	head.next->prev = &b;
	list_del(&a);
}

static noinline void kfence(void)
{
#ifdef CONFIG_KFENCE
	struct file *f = filp_open(
		"/sys/module/kfence/parameters/sample_interval", O_WRONLY, 0);
	loff_t pos = 0;
	char *p;
	int i;

	if (IS_ERR(f)) {
		pr_err("open: %ld\n", PTR_ERR(f));
		return;
	}
	pr_err("write: %ld\n", (long)kernel_write(f, "1\n", 2, &pos));
	filp_close(f, NULL);
	for (i = 0; i < 2000000; i++) {
		p = kmalloc(32, GFP_KERNEL);
		kfree(p);
		READ_ONCE(*p);
		if ((i & 1023) == 0)
			usleep_range(500, 1000);
	}
#endif
}

static int fault(void)
{
	static refcount_t ref;
	long v;

	if (!strcmp(what, "null"))
		return read_box();
	if (!strcmp(what, "gpf"))
		return *(volatile int *)0x6b6b6b6b6b6b6b6b;
	if (!strcmp(what, "call"))
		((void (*)(void))zero)();
	if (!strcmp(what, "bug"))
		BUG();
	if (!strcmp(what, "warn"))
		WARN(1, "%s: odd value %d\n", "crasher", 7);
	if (!strcmp(what, "ud"))
		asm volatile(".byte 0x0f, 0xff");
	if (!strcmp(what, "div"))
		return (int)(100 / zero);
	if (!strcmp(what, "stack"))
		return deep(1);
	if (!strcmp(what, "refcount")) {
		refcount_set(&ref, 1);
		if (refcount_dec_and_test(&ref))
			refcount_inc(&ref);
	}
	if (!strcmp(what, "atomic")) {
		spin_lock(&lock);
		msleep(10);
		spin_unlock(&lock);
	}
	if (!strcmp(what, "list"))
		corrupt_list();
	if (!strcmp(what, "softlockup"))
		for (;;)
			cpu_relax();
	if (!strcmp(what, "hung")) {
		mutex_lock(&mutex);
		mutex_lock(&mutex);
	}
	if (!strcmp(what, "oom")) {
		long n = 0;

		for (;;) {
			void *p = kmalloc(64 << 10, GFP_KERNEL | __GFP_NOWARN);

			if (!p)
				break;
			*(void **)p = NULL;
			n++;
		}
		pr_err("got %ld\n", n);
	}
	if (!strcmp(what, "panic"))
		panic("crasher asks for it: %s", what);
	if (!strcmp(what, "shift")) {
		v = 100 + zero;
		pr_info("%d\n", 1 << v);
	}
	if (!strcmp(what, "bounds")) {
		static int small[4];

		v = 9 + zero;
		pr_info("%d\n", small[v]);
	}
	if (!strcmp(what, "kfence"))
		kfence();
	if (!strcmp(what, "double")) {
		/* no stack at all: the push of the first fault faults */
		asm volatile("xor %%esp, %%esp; push %%rax" ::: "memory");
	}
	if (!strcmp(what, "slab")) {
		char *p = kmalloc(64, GFP_KERNEL);

		kfree(p);
		kfree(p);
	}
	return 0;
}

static int work(void *arg)
{
	fault();
	while (!kthread_should_stop())
		msleep_interruptible(100);
	return 0;
}

static int forgetful(void *arg)
{
	for (;;)
		msleep(100);
	return 0;
}

static int both(void *arg)
{
	while (READ_ONCE(zero) < (long)arg)
		cpu_relax();
	WARN(1, "both: %ld\n", (long)arg);
	BUG_ON(arg);
	while (!kthread_should_stop())
		msleep_interruptible(100);
	return 0;
}

static int __init crasher_init(void)
{
	if (!strncmp(what, "init_", 5)) {
		what += 5;
		return fault();
	}
	if (!strcmp(what, "forgetful")) {
		kthread_run(forgetful, NULL, "K1");
		return 0;
	}
	if (!strcmp(what, "both")) {
		struct task_struct *t[2];
		int i;

		for (i = 0; i < 2; i++) {
			t[i] = kthread_create(both, (void *)1L, "K%d", i + 1);
			if (IS_ERR(t[i]))
				return PTR_ERR(t[i]);
			kthread_bind(t[i], i);
			wake_up_process(t[i]);
		}
		msleep(100);
		WRITE_ONCE(zero, 1);
		return 0;
	}
	worker = kthread_create(work, NULL, "K1");
	if (IS_ERR(worker))
		return PTR_ERR(worker);
	get_task_struct(worker);
	wake_up_process(worker);
	return 0;
}

static void __exit crasher_exit(void)
{
	if (worker) {
		kthread_stop(worker);
		put_task_struct(worker);
	}
}

module_init(crasher_init);
module_exit(crasher_exit);
MODULE_LICENSE("GPL");
MODULE_AUTHOR("kmodlab");
MODULE_DESCRIPTION("Crashes in the way that a parameter names");
