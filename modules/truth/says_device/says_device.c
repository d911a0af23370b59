// SPDX-License-Identifier: GPL-2.0
/*
 * says_device - prints about its device
 *
 * The kernel puts the names of the driver and the device before each line, and the
 * file holds no level. Nothing is wrong.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/platform_device.h>

static struct platform_device *pdev;
static struct net_device *netdev;

static void setup(struct net_device *dev)
{
}

static int __init says_device_init(void)
{
	pdev = platform_device_register_simple("saysdev", 3, NULL, 0);
	if (IS_ERR(pdev))
		return PTR_ERR(pdev);
	netdev = alloc_netdev(0, "says%d", NET_NAME_UNKNOWN, setup);
	if (!netdev) {
		platform_device_unregister(pdev);
		return -ENOMEM;
	}
	dev_info(&pdev->dev, "found, revision %d\n", 7);
	dev_err(&pdev->dev, "no answer after %u ms\n", 20);
	dev_warn(&pdev->dev, "slow\n");
	netdev_info(netdev, "link is down, %d retries left\n", 2);
	return 0;
}

static void __exit says_device_exit(void)
{
	free_netdev(netdev);
	platform_device_unregister(pdev);
}

module_init(says_device_init);
module_exit(says_device_exit);
MODULE_DESCRIPTION("prints about its device");
MODULE_LICENSE("GPL");
