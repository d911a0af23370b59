// SPDX-License-Identifier: GPL-2.0
/*
 * ok_irq - registers handlers and probes, and gives all of it back
 */
#include <linux/init.h>
#include <linux/interrupt.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/perf_event.h>
#include <linux/workqueue.h>

static int cookie;
static struct workqueue_struct *queue;
static struct perf_event *counter;

static irqreturn_t ok_irq_handler(int irq, void *data)
{
	return IRQ_NONE;
}

static int ok_irq_pre(struct kprobe *p, struct pt_regs *regs)
{
	return 0;
}

static struct kprobe probe = { .symbol_name = "kernel_restart",
			       .pre_handler = ok_irq_pre };

static int ok_irq_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return 0;
}

static struct kretprobe returns = { .kp.symbol_name = "kernel_power_off",
				    .handler = ok_irq_return };
static struct perf_event_attr attr = {
	.type = PERF_TYPE_SOFTWARE,
	.config = PERF_COUNT_SW_CPU_CLOCK,
	.size = sizeof(attr),
	.disabled = 1,
};

static int __init ok_irq_init(void)
{
	int err;

	err = request_irq(5, ok_irq_handler, IRQF_SHARED, "ok_irq", &cookie);
	if (err)
		return err;
	err = register_kprobe(&probe);
	if (err)
		goto undo_1;
	err = register_kretprobe(&returns);
	if (err)
		goto undo_2;
	queue = alloc_workqueue("ok_irq", WQ_UNBOUND, 1);
	err = queue ? 0 : -ENOMEM;
	if (err)
		goto undo_3;
	counter = perf_event_create_kernel_counter(&attr, 0, NULL, NULL, NULL);
	err = PTR_ERR_OR_ZERO(counter);
	if (err)
		goto undo_4;
	return 0;

undo_4:
	destroy_workqueue(queue);
undo_3:
	unregister_kretprobe(&returns);
undo_2:
	unregister_kprobe(&probe);
undo_1:
	free_irq(5, &cookie);
	return err;
}

static void __exit ok_irq_exit(void)
{
	perf_event_release_kernel(counter);
	destroy_workqueue(queue);
	unregister_kretprobe(&returns);
	unregister_kprobe(&probe);
	free_irq(5, &cookie);
}

module_init(ok_irq_init);
module_exit(ok_irq_exit);
MODULE_DESCRIPTION("registers handlers and probes");
MODULE_LICENSE("GPL");
