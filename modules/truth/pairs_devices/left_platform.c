// SPDX-License-Identifier: GPL-2.0
/*
 * left_platform - registers a device, a driver and a bus, and gives nothing back
 */
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/platform_device.h>

static struct platform_device *pdev;
static struct platform_driver driver = {
	.driver = { .name = "left_platform_driver" }
};
static struct bus_type bus = { .name = "left_platform_bus" };
static const struct file_operations fops = { .owner = THIS_MODULE };
static struct cdev cdev;
static dev_t number;

static int __init left_platform_init(void)
{
	int err;

	pdev = platform_device_register_simple("left_platform", -1, NULL, 0);
	err = PTR_ERR_OR_ZERO(pdev);
	if (err)
		return err;
	err = platform_driver_register(&driver);
	if (err)
		goto undo_1;
	err = bus_register(&bus);
	if (err)
		goto undo_2;
	err = alloc_chrdev_region(&number, 0, 1, "left_platform");
	if (err)
		goto undo_3;
	cdev_init(&cdev, &fops);
	err = cdev_add(&cdev, number, 1);
	if (err)
		goto undo_4;
	return 0;

undo_4:
	unregister_chrdev_region(number, 1);
undo_3:
	bus_unregister(&bus);
undo_2:
	platform_driver_unregister(&driver);
undo_1:
	platform_device_unregister(pdev);
	return err;
}

static void __exit left_platform_exit(void)
{
	pr_info("left_platform: nothing is given back\n");
}

module_init(left_platform_init);
module_exit(left_platform_exit);
MODULE_DESCRIPTION("registers a device, a driver and a bus");
MODULE_LICENSE("GPL");
