// SPDX-License-Identifier: GPL-2.0
/*
 * ok_managed - registers an input device that goes with its parent: the driver
 * allocated it with devm_input_allocate_device, and calls no function for that
 */
#include <linux/err.h>
#include <linux/init.h>
#include <linux/input.h>
#include <linux/module.h>
#include <linux/platform_device.h>

static struct platform_device *pdev;

static int ok_managed_probe(struct platform_device *parent)
{
	struct input_dev *input = devm_input_allocate_device(&parent->dev);
	int err;

	if (!input)
		return -ENOMEM;
	input->name = "ok_managed";
	input_set_capability(input, EV_KEY, KEY_A);
	err = input_register_device(input);
	if (err)
		return err;
	dev_info(&parent->dev, "the input device is there\n");
	return 0;
}

static struct platform_driver driver = {
	.probe = ok_managed_probe,
	.driver = { .name = "ok_managed" },
};

static int __init ok_managed_init(void)
{
	int err = platform_driver_register(&driver);

	if (err)
		return err;
	pdev = platform_device_register_simple("ok_managed", -1, NULL, 0);
	err = PTR_ERR_OR_ZERO(pdev);
	if (err)
		platform_driver_unregister(&driver);
	return err;
}

static void __exit ok_managed_exit(void)
{
	platform_device_unregister(pdev);
	platform_driver_unregister(&driver);
}

module_init(ok_managed_init);
module_exit(ok_managed_exit);
MODULE_DESCRIPTION("registers an input device that goes with its parent");
MODULE_LICENSE("GPL");
