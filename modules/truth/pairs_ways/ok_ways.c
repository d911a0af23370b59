// SPDX-License-Identifier: GPL-2.0
/*
 * ok_ways - gives things back in other ways than most: words as a whole, a
 * device by its number, a netlink socket as a socket, and a notifier with the
 * chain that it is in, which is the module's own
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/netlink.h>
#include <linux/notifier.h>
#include <linux/string.h>
#include <linux/version.h>
#include <net/net_namespace.h>
#include <net/sock.h>

static const struct file_operations fops = { .owner = THIS_MODULE };
static struct class *class;
static struct sock *sock;
static char **words;
static int major;

static BLOCKING_NOTIFIER_HEAD(chain);

static int ok_ways_call(struct notifier_block *nb, unsigned long event,
			void *data)
{
	return NOTIFY_OK;
}

static struct notifier_block notifier = { .notifier_call = ok_ways_call };

static void ok_ways_receive(struct sk_buff *skb)
{
}

static int __init ok_ways_init(void)
{
	struct netlink_kernel_cfg cfg = { .input = ok_ways_receive };
	struct device *device;
	int err;

	words = argv_split(GFP_KERNEL, "three little words", NULL);
	if (!words)
		return -ENOMEM;
	err = -ENOMEM;
	sock = netlink_kernel_create(&init_net, NETLINK_USERSOCK + 29, &cfg);
	if (!sock)
		goto free;
	major = register_chrdev(0, "ok_ways", &fops);
	err = major;
	if (err < 0)
		goto release;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	class = class_create("ok_ways");
#else
	class = class_create(THIS_MODULE, "ok_ways");
#endif
	err = PTR_ERR_OR_ZERO(class);
	if (err)
		goto unregister;
	device = device_create(class, NULL, MKDEV(major, 0), NULL, "ok_ways");
	err = PTR_ERR_OR_ZERO(device);
	if (err)
		goto destroy;
	blocking_notifier_chain_register(&chain, &notifier);
	blocking_notifier_call_chain(&chain, 0, NULL);
	return 0;

destroy:
	class_destroy(class);
unregister:
	unregister_chrdev(major, "ok_ways");
release:
	sock_release(sock->sk_socket);
free:
	argv_free(words);
	return err;
}

static void __exit ok_ways_exit(void)
{
	device_destroy(class, MKDEV(major, 0));
	class_destroy(class);
	unregister_chrdev(major, "ok_ways");
	sock_release(sock->sk_socket);
	argv_free(words);
}

module_init(ok_ways_init);
module_exit(ok_ways_exit);
MODULE_DESCRIPTION("gives things back in other ways than most");
MODULE_LICENSE("GPL");
