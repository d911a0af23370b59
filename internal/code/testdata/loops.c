/* Loops of a module, without the kernel's headers. */
extern void msleep(unsigned int ms);
extern int kthread_should_stop(void);
extern long schedule_timeout(long timeout);
extern long schedule_timeout_idle(long timeout);
extern void wait_for_completion(void *done);
extern void mutex_lock(void *lock);
extern int _printk(const char *format, ...);
extern void do_exit(long code);
extern void schedule(void);
extern void _raw_spin_lock(void *lock);
extern void may_do_anything(void);
extern unsigned long volatile jiffies;

static int volatile done;
static long never[4] = { 1 };
long lock[4] = { 1 };

int endless(void *unused)
{
	for (;;)
		msleep(20);
}

int counting(void *unused)
{
	int volatile n = 0;

	for (;;) {
		n++;
		msleep(20);
	}
}

int heeding(void *unused)
{
	while (!kthread_should_stop())
		msleep(20);
	return 0;
}

int deaf(void *unused)
{
	while (!done)
		msleep(20);
	return 0;
}

int bounded(void *unused)
{
	int i;

	for (i = 0; i < 600; i++)
		msleep(20);
	return 0;
}

int timed(void *unused)
{
	unsigned long end = jiffies + 1000;

	while ((long)(jiffies - end) < 0)
		msleep(20);
	return 0;
}

int shrinking(void *unused)
{
	long left = 1000;

	while (left)
		left = schedule_timeout(left);
	return 0;
}

int steady(void *unused)
{
	while (!done)
		schedule_timeout_idle(25);
	return 0;
}

int exiting(void *unused)
{
	for (;;) {
		msleep(20);
		if (done)
			do_exit(0);
	}
}

static __attribute__((noinline)) void leave(void)
{
	if (done)
		do_exit(0);
	done = 0;
}

int exiting_below(void *unused)
{
	for (;;) {
		msleep(20);
		leave();
	}
}

int unknown(void *unused)
{
	while (!done) {
		msleep(20);
		may_do_anything();
	}
	return 0;
}

/* Works off what is left before it looks again. */
int draining(void *unused)
{
	while (!kthread_should_stop()) {
		while (!done)
			msleep(20);
		may_do_anything();
	}
	return 0;
}

/* As wait_event() with a look in its condition. */
int idling(void *unused)
{
	while (!kthread_should_stop()) {
		while (!done && !kthread_should_stop())
			schedule();
		done = 0;
	}
	return 0;
}

struct node {
	struct node *next;
	int value;
};

int walking(struct node *node)
{
	for (; node; node = node->next) {
		node->value = 1;
		msleep(20);
	}
	return 0;
}

static int left;

int spending(void *unused)
{
	do
		__asm__ volatile("lock decl %0" : "+m"(left));
	while (!done);
	return 0;
}

/* A loop that ends by a static key. */
int keyed(void *unused)
{
	for (;;) {
		__asm__ goto("1: .byte 0x0f, 0x1f, 0x44, 0, 0\n"
			     ".pushsection __jump_table, \"aw\"\n"
			     ".long 1b - ., %l[out] - .\n"
			     ".quad 0\n"
			     ".popsection"
			     :
			     :
			     :
			     : out);
		msleep(20);
	}
out:
	return 0;
}

/* A loop without an end, from which a printer takes the CPU. */
int flooding(void *unused)
{
	for (;;)
		_printk("again\n");
}

int flooding_and_more(void *unused)
{
	for (;;) {
		_printk("again\n");
		may_do_anything();
	}
}

int asking(void *unused)
{
	wait_for_completion(never);
	done = 1;
	return 0;
}

int counting_on(void *unused)
{
	for (;;)
		left++;
}

int locking(void *unused)
{
	do {
		_raw_spin_lock(lock);
		*(int volatile *)&left += 1;
	} while (!done);
	return 0;
}

int watching(void *unused)
{
	while (!done)
		;
	return 0;
}

int polling(void *unused)
{
	unsigned long end = jiffies + 1000;

	while (!done && (long)(jiffies - end) < 0)
		;
	return 0;
}

int init_module(void) __attribute__((alias("start")));
void cleanup_module(void) __attribute__((alias("finish")));

int start(void)
{
	mutex_lock(lock);
	mutex_lock(never);
	return 0;
}

void finish(void)
{
	_printk("going\n");
	wait_for_completion(never);
}

/* job leaves with a jump to a wait. */
void job(void)
{
	_printk("working\n");
	wait_for_completion(never);
}

extern int del_timer_sync(void *timer);

/* expiring is a timer's function that waits for its own end. */
void expiring(void *timer)
{
	del_timer_sync(timer);
	_printk("never\n");
}
