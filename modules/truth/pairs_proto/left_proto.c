// SPDX-License-Identifier: GPL-2.0
/*
 * left_proto - registers a protocol, and gives nothing back
 */
#include <linux/inetdevice.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/net.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include <net/protocol.h>
#include <net/sock.h>

static int left_proto_event(struct notifier_block *nb, unsigned long event,
			    void *data)
{
	return NOTIFY_DONE;
}
static struct notifier_block addresses = { .notifier_call = left_proto_event };

static struct proto proto = { .name = "left_proto",
			      .owner = THIS_MODULE,
			      .obj_size = sizeof(struct sock) };

static int left_proto_create(struct net *net, struct socket *sock, int protocol,
			     int kern)
{
	return -EPROTONOSUPPORT;
}

static const struct net_proto_family family = { .family = 27,
						.create = left_proto_create,
						.owner = THIS_MODULE };
static struct pernet_operations pernet;

static int left_proto_do(struct sk_buff *skb, struct genl_info *info)
{
	return 0;
}

static const struct genl_ops ops[] = { { .cmd = 1, .doit = left_proto_do } };
static struct genl_family genl = { .name = "left_proto",
				   .version = 1,
				   .ops = ops,
				   .n_ops = 1,
				   .module = THIS_MODULE };

static int __init left_proto_init(void)
{
	int err;

	err = proto_register(&proto, 0);
	if (err)
		return err;
	err = sock_register(&family);
	if (err)
		goto undo_1;
	err = register_pernet_subsys(&pernet);
	if (err)
		goto undo_2;
	err = register_inetaddr_notifier(&addresses);
	if (err)
		goto undo_3;
	err = genl_register_family(&genl);
	if (err)
		goto undo_4;
	return 0;

undo_4:
	unregister_inetaddr_notifier(&addresses);
undo_3:
	unregister_pernet_subsys(&pernet);
undo_2:
	sock_unregister(family.family);
undo_1:
	proto_unregister(&proto);
	return err;
}

static void __exit left_proto_exit(void)
{
	pr_info("left_proto: nothing is given back\n");
}

module_init(left_proto_init);
module_exit(left_proto_exit);
MODULE_DESCRIPTION("registers a protocol");
MODULE_LICENSE("GPL");
