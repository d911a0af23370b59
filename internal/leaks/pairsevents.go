// SPDX-License-Identifier: MIT

package leaks

import "strings"

// notifier is the pair of a chain of notifiers that takes nothing but the notifier itself.
func notifier(what, take, give string) Pair {
	article := "a "
	if strings.ContainsAny(what[:1], "aeiouAEIO") {
		article = "an "
	}
	return Pair{
		Area: "Notifiers", Class: registration, One: article + what, Many: what + "s",
		Take: take + "(*)=0", Give: give + "(*)",
	}
}

// chain is the pair of functions for chains of notifiers that others own.
func chain(which string) Pair {
	return Pair{
		Area: "Notifiers", Class: registration, One: "a notifier in a chain", Many: "notifiers in a chain", In: true,
		Take: which + "_notifier_chain_register(*,*)=0", Give: which + "_notifier_chain_unregister(*,*)",
	}
}

var notifierPairs = []Pair{
	{
		Area: "Notifiers", Class: registration, One: "a netdevice notifier", Many: "netdevice notifiers",
		Take: "register_netdevice_notifier(*)=0 register_netdevice_notifier_net(_,*)=0 " +
			"register_netdevice_notifier_dev_net(_,*)=0",
		Give: "unregister_netdevice_notifier(*) unregister_netdevice_notifier_net(_,*) " +
			"unregister_netdevice_notifier_dev_net(_,*)",
	},
	chain("atomic"), chain("blocking"), chain("raw"), chain("srcu"),
	notifier("reboot notifier", "register_reboot_notifier", "unregister_reboot_notifier"),
	notifier("restart handler", "register_restart_handler", "unregister_restart_handler"),
	notifier("die notifier", "register_die_notifier", "unregister_die_notifier"),
	notifier("module notifier", "register_module_notifier", "unregister_module_notifier"),
	notifier("OOM notifier", "register_oom_notifier", "unregister_oom_notifier"),
	notifier("PM notifier", "register_pm_notifier", "unregister_pm_notifier"),
	notifier("memory notifier", "register_memory_notifier", "unregister_memory_notifier"),
	notifier("keyboard notifier", "register_keyboard_notifier", "unregister_keyboard_notifier"),
	notifier("VT notifier", "register_vt_notifier", "unregister_vt_notifier"),
	notifier("IPv4 address notifier", "register_inetaddr_notifier", "unregister_inetaddr_notifier"),
	notifier("IPv6 address notifier", "register_inet6addr_notifier", "unregister_inet6addr_notifier"),
	notifier("IPv4 address validator", "register_inetaddr_validator_notifier", "unregister_inetaddr_validator_notifier"),
	notifier("IPv6 address validator", "register_inet6addr_validator_notifier",
		"unregister_inet6addr_validator_notifier"),
	notifier("network event notifier", "register_netevent_notifier", "unregister_netevent_notifier"),
	notifier("netlink notifier", "netlink_register_notifier", "netlink_unregister_notifier"),
	notifier("switchdev notifier", "register_switchdev_notifier", "unregister_switchdev_notifier"),
	notifier("cpufreq notifier", "cpufreq_register_notifier", "cpufreq_unregister_notifier"),
	notifier("CPU PM notifier", "cpu_pm_register_notifier", "cpu_pm_unregister_notifier"),
	notifier("power supply notifier", "power_supply_reg_notifier", "power_supply_unreg_notifier"),
	notifier("ACPI notifier", "register_acpi_notifier", "unregister_acpi_notifier"),
	notifier("VM fork notifier", "register_random_vmfork_notifier", "unregister_random_vmfork_notifier"),
	{
		Area: "Notifiers", Class: registration, One: "a power-off handler", Many: "power-off handlers",
		Take: "register_sys_off_handler()=*", Give: "unregister_sys_off_handler(*)",
	},
	{
		Area: "Notifiers", Class: registration, One: "a FIB notifier", Many: "FIB notifiers",
		Take: "register_fib_notifier(_,*)=0", Give: "unregister_fib_notifier(_,*)",
	},
	{
		Area: "Notifiers", Class: registration, One: "syscore operations", Many: "syscore operations",
		Take: "register_syscore_ops(*) register_syscore(*)", Give: "unregister_syscore_ops(*) unregister_syscore(*)",
	},
	{
		Area: "Notifiers", Class: registration, One: "a dumper of kernel messages", Many: "dumpers of kernel messages",
		Take: "kmsg_dump_register(*)=0", Give: "kmsg_dump_unregister(*)",
	},
	{
		Area: "Notifiers", Class: registration, One: "a CPU hotplug state", Many: "CPU hotplug states",
		Take: "__cpuhp_setup_state(#)=+ __cpuhp_setup_state_cpuslocked(#)=+",
		Give: "__cpuhp_remove_state(#) __cpuhp_remove_state_cpuslocked(#)",
	},
	{
		Area: "Notifiers", Class: registration, One: "an instance of a CPU hotplug state",
		Many: "instances of CPU hotplug states",
		Take: "__cpuhp_state_add_instance(#,*)=0", Give: "__cpuhp_state_remove_instance(#,*)",
	},
}

var tracingPairs = []Pair{
	{
		Area: "Tracing and interrupts", Class: registration, One: "a kprobe", Many: "kprobes",
		Take: "register_kprobe(*)=0", Give: "unregister_kprobe(*)", Moot: "unregister_kprobes",
	},
	{
		Area: "Tracing and interrupts", Class: registration, One: "an array of kprobes", Many: "arrays of kprobes",
		Take: "register_kprobes(*)=0", Give: "unregister_kprobes(*)", Moot: "unregister_kprobe",
	},
	{
		Area: "Tracing and interrupts", Class: registration, One: "a kretprobe", Many: "kretprobes",
		Take: "register_kretprobe(*)=0", Give: "unregister_kretprobe(*)", Moot: "unregister_kretprobes",
	},
	{
		Area: "Tracing and interrupts", Class: registration, One: "an array of kretprobes", Many: "arrays of kretprobes",
		Take: "register_kretprobes(*)=0", Give: "unregister_kretprobes(*)", Moot: "unregister_kretprobe",
	},
	{
		Area: "Tracing and interrupts", Class: registration, One: "a probe at a tracepoint", Many: "probes at tracepoints",
		Take: "tracepoint_probe_register(*,*)=0 tracepoint_probe_register_prio(*,*)=0 " +
			"tracepoint_probe_register_prio_may_exist(*,*)=0",
		Give: "tracepoint_probe_unregister(*,*)",
	},
	{
		Area: "Tracing and interrupts", Class: registration, One: "a perf counter", Many: "perf counters",
		Take: "perf_event_create_kernel_counter()=*", Give: "perf_event_release_kernel(*)", Moot: "unregister_hw_breakpoint",
	},
	{
		Area: "Tracing and interrupts", Class: registration, One: "a hardware breakpoint", Many: "hardware breakpoints",
		Take: "register_wide_hw_breakpoint()=*", Give: "unregister_wide_hw_breakpoint(*)",
	},
	{
		Area: "Tracing and interrupts", Class: registration, One: "an interrupt handler (%s)", Many: "interrupt handlers",
		Take: "request_threaded_irq(#,_,_,_,s,*)=0", Give: "free_irq(#,*)", Shows: "/proc/irq/*",
	},
	{
		Area: "Tracing and interrupts", Class: registration, One: "a per-CPU interrupt handler",
		Many: "per-CPU interrupt handlers",
		Take: "__request_percpu_irq(#)=0 request_percpu_irq_affinity(#)=0", Give: "free_percpu_irq(#)",
	},
	{
		Area: "Tracing and interrupts", Class: registration, One: "an interrupt handler of a PCI device",
		Many: "interrupt handlers of a PCI device", Take: "pci_request_irq(*,#)=0", Give: "pci_free_irq(*,#)",
		Shows: "/proc/irq/*",
	},
	{
		Area: "Tracing and interrupts", Class: registration, One: "an NMI handler", Many: "NMI handlers", Counted: true,
		Take: "__register_nmi_handler(#)=0", Give: "unregister_nmi_handler(#)",
	},
	{
		Area: "Tracing and interrupts", Class: registration, One: "a workqueue (%s)", Many: "workqueues",
		Take: "alloc_workqueue(s)=* alloc_workqueue_lockdep_map(s)=*", Give: "destroy_workqueue(*)",
	},
	{
		Area: "Tracing and interrupts", Class: registration, One: "a relay channel (%s)", Many: "relay channels",
		Take: "relay_open(s)=*", Give: "relay_close(*)",
	},
}
