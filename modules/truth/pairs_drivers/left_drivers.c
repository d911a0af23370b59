// SPDX-License-Identifier: GPL-2.0
/*
 * left_drivers - registers a key and a driver, and gives nothing back
 */
#include <linux/hw_random.h>
#include <linux/init.h>
#include <linux/input.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pm_qos.h>
#include <linux/sysrq.h>
#include <linux/version.h>
#include <linux/virtio.h>

static void left_drivers_press(u8 key)
{
}

static const struct sysrq_key_op op = {
	.handler = (void *)left_drivers_press,
	.help_msg = "truth(y)",
	.action_msg = "Truth",
};
static struct pm_qos_request request;
static const struct pci_device_id ids[] = { { PCI_DEVICE(0xfffe, 0xfffe) },
					    {} };

static int left_drivers_probe(struct pci_dev *dev,
			      const struct pci_device_id *id)
{
	return -ENODEV;
}

static struct pci_driver driver = { .name = "left_drivers",
				    .id_table = ids,
				    .probe = left_drivers_probe };

static int __init left_drivers_init(void)
{
	int err;

	err = register_sysrq_key('y', &op);
	if (err)
		return err;
	cpu_latency_qos_add_request(&request, 100);
	err = pci_register_driver(&driver);
	if (err)
		goto undo_2;
	return 0;

undo_2:
	cpu_latency_qos_remove_request(&request);
	unregister_sysrq_key('y', &op);
	return err;
}

static void __exit left_drivers_exit(void)
{
	pr_info("left_drivers: nothing is given back\n");
}

module_init(left_drivers_init);
module_exit(left_drivers_exit);
MODULE_DESCRIPTION("registers a key and a driver");
MODULE_LICENSE("GPL");
