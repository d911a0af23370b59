// SPDX-License-Identifier: GPL-2.0
/*
 * left_irq - registers handlers and probes, and gives nothing back
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

static irqreturn_t left_irq_handler(int irq, void *data)
{
	return IRQ_NONE;
}

static int left_irq_pre(struct kprobe *p, struct pt_regs *regs)
{
	return 0;
}

static struct kprobe probe = { .symbol_name = "kernel_restart",
			       .pre_handler = left_irq_pre };

static int left_irq_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return 0;
}

static struct kretprobe returns = { .kp.symbol_name = "kernel_power_off",
				    .handler = left_irq_return };
static struct perf_event_attr attr = {
	.type = PERF_TYPE_SOFTWARE,
	.config = PERF_COUNT_SW_CPU_CLOCK,
	.size = sizeof(attr),
	.disabled = 1,
};

static int __init left_irq_init(void)
{
	int err;

	err = request_irq(5, left_irq_handler, IRQF_SHARED, "left_irq",
			  &cookie);
	if (err)
		return err;
	err = register_kprobe(&probe);
	if (err)
		goto undo_1;
	err = register_kretprobe(&returns);
	if (err)
		goto undo_2;
	queue = alloc_workqueue("left_irq", WQ_UNBOUND, 1);
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

static void __exit left_irq_exit(void)
{
	pr_info("left_irq: nothing is given back\n");
}

module_init(left_irq_init);
module_exit(left_irq_exit);
MODULE_DESCRIPTION("registers handlers and probes");
MODULE_LICENSE("GPL");
