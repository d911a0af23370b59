// SPDX-License-Identifier: GPL-2.0
/*
 * ok_net - registers with the network core, and gives all of it back
 */
#include <linux/in.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netlink.h>
#include <net/net_namespace.h>
#include <net/sock.h>

static int ok_net_event(struct notifier_block *nb, unsigned long event,
			void *data)
{
	return NOTIFY_DONE;
}
static struct notifier_block devices = { .notifier_call = ok_net_event };

static unsigned int ok_net_hook(void *priv, struct sk_buff *skb,
				const struct nf_hook_state *state)
{
	return NF_ACCEPT;
}

static const struct nf_hook_ops hook = {
	.hook = ok_net_hook,
	.pf = NFPROTO_IPV4,
	.hooknum = NF_INET_LOCAL_OUT,
	.priority = NF_IP_PRI_FIRST,
};

static int ok_net_receive(struct sk_buff *skb, struct net_device *dev,
			  struct packet_type *pt, struct net_device *orig)
{
	kfree_skb(skb);
	return 0;
}

static struct packet_type packets = { .type = cpu_to_be16(0x88b5),
				      .func = ok_net_receive };

static void ok_net_input(struct sk_buff *skb)
{
}

static struct netlink_kernel_cfg cfg = { .input = ok_net_input };
static struct sock *netlink;
static struct socket *socket;

static int __init ok_net_init(void)
{
	int err;

	err = register_netdevice_notifier(&devices);
	if (err)
		return err;
	err = nf_register_net_hook(&init_net, &hook);
	if (err)
		goto undo_1;
	dev_add_pack(&packets);
	netlink = netlink_kernel_create(&init_net, 31, &cfg);
	err = netlink ? 0 : -ENOMEM;
	if (err)
		goto undo_3;
	err = sock_create_kern(&init_net, AF_INET, SOCK_DGRAM, IPPROTO_UDP,
			       &socket);
	if (err)
		goto undo_4;
	return 0;

undo_4:
	netlink_kernel_release(netlink);
undo_3:
	dev_remove_pack(&packets);
	nf_unregister_net_hook(&init_net, &hook);
undo_1:
	unregister_netdevice_notifier(&devices);
	return err;
}

static void __exit ok_net_exit(void)
{
	sock_release(socket);
	netlink_kernel_release(netlink);
	dev_remove_pack(&packets);
	nf_unregister_net_hook(&init_net, &hook);
	unregister_netdevice_notifier(&devices);
}

module_init(ok_net_init);
module_exit(ok_net_exit);
MODULE_DESCRIPTION("registers with the network core");
MODULE_LICENSE("GPL");
