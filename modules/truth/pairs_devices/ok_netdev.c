// SPDX-License-Identifier: GPL-2.0
/*
 * ok_netdev - registers a network interface, and gives all of it back
 */
#include <linux/etherdevice.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/netdevice.h>

static netdev_tx_t ok_netdev_xmit(struct sk_buff *skb, struct net_device *dev)
{
	dev_kfree_skb(skb);
	return NETDEV_TX_OK;
}

static const struct net_device_ops ops = { .ndo_start_xmit = ok_netdev_xmit };
static struct net_device *dev;

static void ok_netdev_setup(struct net_device *d)
{
	ether_setup(d);
	d->netdev_ops = &ops;
}

static int __init ok_netdev_init(void)
{
	int err;

	dev = alloc_netdev(0, "truth%d", NET_NAME_ENUM, ok_netdev_setup);
	err = dev ? 0 : -ENOMEM;
	if (err)
		return err;
	err = register_netdev(dev);
	if (err)
		goto undo_1;
	return 0;

undo_1:
	free_netdev(dev);
	return err;
}

static void __exit ok_netdev_exit(void)
{
	unregister_netdev(dev);
	free_netdev(dev);
}

module_init(ok_netdev_init);
module_exit(ok_netdev_exit);
MODULE_DESCRIPTION("registers a network interface");
MODULE_LICENSE("GPL");
