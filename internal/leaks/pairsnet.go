// SPDX-License-Identifier: MIT

package leaks

var netPairs = []Pair{
	{
		Area: "Network", Class: registration, One: "a netfilter hook", Many: "netfilter hooks",
		Take: "nf_register_net_hook(_,*)=0", Give: "nf_unregister_net_hook(_,*)", Moot: "nf_unregister_net_hooks",
	},
	{
		Area: "Network", Class: registration, One: "an array of netfilter hooks", Many: "arrays of netfilter hooks",
		Take: "nf_register_net_hooks(_,*)=0", Give: "nf_unregister_net_hooks(_,*)", Moot: "nf_unregister_net_hook",
	},
	{
		Area: "Network", Class: registration, One: "a netfilter socket option", Many: "netfilter socket options",
		Take: "nf_register_sockopt(*)=0", Give: "nf_unregister_sockopt(*)",
	},
	{
		Area: "Network", Class: registration, One: "a netlink socket of the kernel", Many: "netlink sockets of the kernel",
		Take: "__netlink_kernel_create()=*", Give: "netlink_kernel_release(*)", Moot: "sock_release",
	},
	{
		Area: "Network", Class: registration, One: "a generic netlink family", Many: "generic netlink families",
		Take: "genl_register_family(*)=0", Give: "genl_unregister_family(*)",
	},
	{
		Area: "Network", Class: registration, One: "a socket", Many: "sockets",
		Take: "sock_create_kern()=0 via sock_alloc sock_create()=0 via sock_alloc sock_create_lite()=0 via sock_alloc",
		Give: "sock_release(*) __sock_release(*)", Moot: "sock_alloc_file sock_map_fd fput",
	},
	{
		Area: "Network", Class: registration, One: "a protocol of sockets", Many: "protocols of sockets",
		Take: "proto_register(*)=0", Give: "proto_unregister(*)",
	},
	{
		Area: "Network", Class: registration, One: "a socket family", Many: "socket families",
		Take: "sock_register(@)=0", Give: "sock_unregister(#)",
	},
	{
		Area: "Network", Class: registration, One: "a packet handler", Many: "packet handlers",
		Take: "dev_add_pack(*)", Give: "dev_remove_pack(*) __dev_remove_pack(*)",
	},
	{
		Area: "Network", Class: registration, One: "an offload handler", Many: "offload handlers",
		Take: "dev_add_offload(*)", Give: "dev_remove_offload(*)",
	},
	{
		Area: "Network", Class: registration, One: "an IPv4 protocol", Many: "IPv4 protocols",
		Take: "inet_add_protocol(*,_)=0", Give: "inet_del_protocol(*,_)",
	},
	{
		Area: "Network", Class: registration, One: "an IPv6 protocol", Many: "IPv6 protocols",
		Take: "inet6_add_protocol(*,_)=0", Give: "inet6_del_protocol(*,_)",
	},
	{
		Area: "Network", Class: registration, One: "a socket type of IPv4", Many: "socket types of IPv4",
		Take: "inet_register_protosw(*)", Give: "inet_unregister_protosw(*)",
	},
	{
		Area: "Network", Class: registration, One: "a socket type of IPv6", Many: "socket types of IPv6",
		Take: "inet6_register_protosw(*)=0", Give: "inet6_unregister_protosw(*)",
	},
	{
		Area: "Network", Class: registration, One: "an xfrm type", Many: "xfrm types",
		Take: "xfrm_register_type(*)=0", Give: "xfrm_unregister_type(*)",
	},
	{
		Area: "Network", Class: registration, One: "per-namespace operations (subsystem)", Many: "per-namespace operations",
		Take: "register_pernet_subsys(*)=0", Give: "unregister_pernet_subsys(*)",
	},
	{
		Area: "Network", Class: registration, One: "per-namespace operations (device)", Many: "per-namespace operations",
		Take: "register_pernet_device(*)=0", Give: "unregister_pernet_device(*)",
	},
	{
		Area: "Network", Class: registration, One: "a kind of network link", Many: "kinds of network link",
		Take: "rtnl_link_register(*)=0 __rtnl_link_register(*)=0",
		Give: "rtnl_link_unregister(*) __rtnl_link_unregister(*)",
	},
	{
		Area: "Network", Class: registration, One: "a queueing discipline", Many: "queueing disciplines",
		Take: "register_qdisc(*)=0", Give: "unregister_qdisc(*)",
	},
	{
		Area: "Network", Class: registration, One: "a traffic classifier", Many: "traffic classifiers",
		Take: "register_tcf_proto_ops(*)=0", Give: "unregister_tcf_proto_ops(*)",
	},
	{
		Area: "Network", Class: registration, One: "a traffic action", Many: "traffic actions",
		Take: "tcf_register_action(*)=0", Give: "tcf_unregister_action(*)",
	},
	{
		Area: "Network", Class: registration, One: "a TCP congestion control", Many: "TCP congestion controls",
		Take: "tcp_register_congestion_control(*)=0", Give: "tcp_unregister_congestion_control(*)",
	},
	{
		Area: "Network", Class: registration, One: "a TCP upper layer protocol", Many: "TCP upper layer protocols",
		Take: "tcp_register_ulp(*)=0", Give: "tcp_unregister_ulp(*)",
	},
	{
		Area: "Network", Class: registration, One: "a network device", Many: "network devices", Listed: true,
		Take:  "register_netdev(*)=0 register_netdevice(*)=0",
		Give:  "unregister_netdev(*) unregister_netdevice_queue(*)",
		Shows: "/sys/class/net/* /sys/devices/virtual/net/*",
	},
	{
		Area: "Network", Class: memory, One: "the memory of a network device (%s)", Many: "network devices' memory",
		Take: "alloc_netdev_mqs(_,s)=* alloc_etherdev_mqs()=*", Give: "free_netdev(*)",
	},
}
