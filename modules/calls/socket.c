// SPDX-License-Identifier: GPL-2.0
/* The family of sockets of kmodlab_calls. Nothing is sent anywhere. */
#include <linux/module.h>
#include <linux/net.h>
#include <linux/poll.h>
#include <linux/socket.h>
#include <net/sock.h>

#include "calls.h"

#define CALLS_FAMILY 19 /* AF_ECONET, which no kernel has any more */

static struct proto calls_proto = {
	.name = "kmodlab_calls",
	.owner = THIS_MODULE,
	.obj_size = sizeof(struct sock),
};

static int end_socket(struct socket *sock)
{
	struct sock *sk = sock->sk;

	if (sk) {
		sock_orphan(sk);
		sock->sk = NULL;
		sock_put(sk);
	}
	return 0;
}

static int send_nothing(struct socket *sock, struct msghdr *msg, size_t n)
{
	return n;
}

static int receive_nothing(struct socket *sock, struct msghdr *msg, size_t n,
			   int flags)
{
	return 0;
}

static int socket_ioctl(struct socket *sock, unsigned int request,
			unsigned long arg)
{
	return -ENOTTY;
}

static const struct proto_ops calls_ops = {
	.family = CALLS_FAMILY,
	.owner = THIS_MODULE,
	.release = end_socket,
	.bind = sock_no_bind,
	.connect = sock_no_connect,
	.socketpair = sock_no_socketpair,
	.accept = sock_no_accept,
	.getname = sock_no_getname,
	.poll = datagram_poll,
	.ioctl = socket_ioctl,
	.listen = sock_no_listen,
	.shutdown = sock_no_shutdown,
	.sendmsg = send_nothing,
	.recvmsg = receive_nothing,
	.mmap = sock_no_mmap,
};

static int make_socket(struct net *net, struct socket *sock, int protocol,
		       int kern)
{
	struct sock *sk =
		sk_alloc(net, CALLS_FAMILY, GFP_KERNEL, &calls_proto, kern);

	if (!sk)
		return -ENOMEM;
	sock->ops = &calls_ops;
	sock_init_data(sock, sk);
	return 0;
}

static const struct net_proto_family calls_family = {
	.family = CALLS_FAMILY,
	.create = make_socket,
	.owner = THIS_MODULE,
};

int calls_socket_init(void)
{
	int ret = proto_register(&calls_proto, 1);

	if (ret)
		return ret;
	ret = sock_register(&calls_family);
	if (ret)
		proto_unregister(&calls_proto);
	return ret;
}

void calls_socket_exit(void)
{
	sock_unregister(CALLS_FAMILY);
	proto_unregister(&calls_proto);
}
