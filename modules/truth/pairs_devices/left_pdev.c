// SPDX-License-Identifier: GPL-2.0
/*
 * left_pdev - takes a platform device away with platform_device_del, and
 * forgets the reference that it was allocated with
 */
#include <linux/err.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/platform_device.h>

static struct platform_device *pdev;
static struct platform_device *never;

static int __init left_pdev_init(void)
{
	int err;

	never = platform_device_alloc("left_pdev_never", -1);
	if (!never)
		return -ENOMEM;
	platform_device_put(never);
	pdev = platform_device_alloc("left_pdev", -1);
	if (!pdev)
		return -ENOMEM;
	err = platform_device_add(pdev);
	if (err)
		platform_device_put(pdev);
	return err;
}

static void __exit left_pdev_exit(void)
{
	platform_device_del(pdev);
}

module_init(left_pdev_init);
module_exit(left_pdev_exit);
MODULE_DESCRIPTION("forgets the reference to its platform device");
MODULE_LICENSE("GPL");
