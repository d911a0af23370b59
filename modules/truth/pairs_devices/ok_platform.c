// SPDX-License-Identifier: GPL-2.0
/*
 * ok_platform - registers a device, a driver and a bus, and gives all of it back
 */
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/platform_device.h>

static struct platform_device *pdev;
static struct platform_driver driver = {
	.driver = { .name = "ok_platform_driver" }
};
static struct bus_type bus = { .name = "ok_platform_bus" };
static const struct file_operations fops = { .owner = THIS_MODULE };
static struct cdev cdev;
static dev_t number;

static int __init ok_platform_init(void)
{
	int err;

	pdev = platform_device_register_simple("ok_platform", -1, NULL, 0);
	err = PTR_ERR_OR_ZERO(pdev);
	if (err)
		return err;
	err = platform_driver_register(&driver);
	if (err)
		goto undo_1;
	err = bus_register(&bus);
	if (err)
		goto undo_2;
	err = alloc_chrdev_region(&number, 0, 1, "ok_platform");
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

static void __exit ok_platform_exit(void)
{
	cdev_del(&cdev);
	unregister_chrdev_region(number, 1);
	bus_unregister(&bus);
	platform_driver_unregister(&driver);
	platform_device_unregister(pdev);
}

module_init(ok_platform_init);
module_exit(ok_platform_exit);
MODULE_DESCRIPTION("registers a device, a driver and a bus");
MODULE_LICENSE("GPL");
