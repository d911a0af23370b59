// SPDX-License-Identifier: GPL-2.0
/*
 * left_net - registers with the network core, and gives nothing back
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

static int left_net_event(struct notifier_block *nb, unsigned long event,
			  void *data)
{
	return NOTIFY_DONE;
}
static struct notifier_block devices = { .notifier_call = left_net_event };

static unsigned int left_net_hook(void *priv, struct sk_buff *skb,
				  const struct nf_hook_state *state)
{
	return NF_ACCEPT;
}

static const struct nf_hook_ops hook = {
	.hook = left_net_hook,
	.pf = NFPROTO_IPV4,
	.hooknum = NF_INET_LOCAL_OUT,
	.priority = NF_IP_PRI_FIRST,
};

static int left_net_receive(struct sk_buff *skb, struct net_device *dev,
			    struct packet_type *pt, struct net_device *orig)
{
	kfree_skb(skb);
	return 0;
}

static struct packet_type packets = { .type = cpu_to_be16(0x88b5),
				      .func = left_net_receive };

static void left_net_input(struct sk_buff *skb)
{
}

static struct netlink_kernel_cfg cfg = { .input = left_net_input };
static struct sock *netlink;
static struct socket *socket;

static int __init left_net_init(void)
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

static void __exit left_net_exit(void)
{
	pr_info("left_net: nothing is given back\n");
}

module_init(left_net_init);
module_exit(left_net_exit);
MODULE_DESCRIPTION("registers with the network core");
MODULE_LICENSE("GPL");
