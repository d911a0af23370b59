// SPDX-License-Identifier: MIT

package failable

// The errors that calls return.
const (
	eINTR        = 4
	eNOENT       = 2
	eNOMEM       = 12
	eFAULT       = 14
	eBUSY        = 16
	eINVAL       = 22
	eADDRINUSE   = 98
	eCONNREFUSED = 111
	eRESTARTSYS  = 512
)

// table has the calls. What is in it leaves everything as it was when it fails, as if it had not been called: so a call
// that is skipped is no different from one that failed. device_register() is not in it, for it initializes the device
// even when it fails, nor is request_firmware(), which sets the caller's pointer.
//
// Symbols are those of all kernels from 5.10 to 7.3, without the ending _noprof that they have since 6.10.
var table = []Call{
	{
		Names: []string{
			"kmalloc", "kzalloc", "kcalloc", "kmalloc_array", "kmalloc_node", "kzalloc_node", "kmalloc_obj", "kzalloc_obj",
		},
		Symbols: []string{
			"__kmalloc", "__kmalloc_cache", "__kmalloc_cache_node", "__kmalloc_large", "__kmalloc_large_node",
			"__kmalloc_node", "__kmalloc_node_track_caller", "__kmalloc_track_caller", "kmalloc_large",
			"kmalloc_large_node", "kmalloc_node_trace", "kmalloc_order", "kmalloc_order_trace", "kmalloc_trace",
			"kmem_cache_alloc_node_trace", "kmem_cache_alloc_trace",
		},
		Group: Memory, Fails: Null,
		Note: "all of them become the same few functions, so their calls are counted together",
	},
	{
		Names: []string{"krealloc"}, Symbols: []string{"krealloc", "krealloc_node_align"}, Group: Memory, Fails: Null,
		Note: "the old memory stays",
	},
	{
		Names:   []string{"kmem_cache_alloc", "kmem_cache_zalloc", "kmem_cache_alloc_node"},
		Symbols: []string{"kmem_cache_alloc", "kmem_cache_alloc_lru", "kmem_cache_alloc_node"}, Group: Memory, Fails: Null,
		Note: "on 5.10 also kmalloc of a constant size",
	},
	{
		Names:   []string{"kmem_cache_create", "kmem_cache_create_usercopy"},
		Symbols: []string{"__kmem_cache_create_args", "kmem_cache_create", "kmem_cache_create_usercopy"},
		Group:   Memory, Fails: Null,
	},
	{
		Names: []string{"vmalloc", "vzalloc", "vmalloc_user", "vmalloc_node"},
		Symbols: []string{
			"__vmalloc", "vmalloc", "vmalloc_32", "vmalloc_node", "vmalloc_user", "vzalloc", "vzalloc_node",
		},
		Group: Memory, Fails: Null,
	},
	{
		Names:   []string{"kvmalloc", "kvzalloc", "kvmalloc_array", "kvcalloc"},
		Symbols: []string{"__kvmalloc_node", "kvmalloc_node"},
		Group:   Memory, Fails: Null,
	},
	{
		Names:   []string{"alloc_pages", "alloc_page"},
		Symbols: []string{"__alloc_pages", "__alloc_pages_nodemask", "alloc_pages", "alloc_pages_current"},
		Group:   Memory, Fails: Null,
	},
	{
		Names:   []string{"__get_free_pages", "__get_free_page", "get_zeroed_page"},
		Symbols: []string{"__get_free_pages", "get_free_pages", "get_zeroed_page"}, Group: Memory, Fails: Null,
	},
	{
		Names: []string{"alloc_percpu"}, Symbols: []string{"__alloc_percpu", "__alloc_percpu_gfp", "pcpu_alloc"},
		Group: Memory, Fails: Null,
	},
	{Names: []string{"kstrdup"}, Symbols: []string{"kstrdup", "kstrdup_const"}, Group: Memory, Fails: Null},
	{Names: []string{"kstrndup"}, Symbols: []string{"kmemdup_nul", "kstrndup"}, Group: Memory, Fails: Null},
	{Names: []string{"kmemdup"}, Symbols: []string{"kmemdup", "kmemdup_array"}, Group: Memory, Fails: Null},
	{
		Names: []string{"kasprintf"}, Symbols: []string{"kasprintf", "kvasprintf", "kvasprintf_const"},
		Group: Memory, Fails: Null,
	},
	{
		Names: []string{"devm_kmalloc", "devm_kzalloc"}, Symbols: []string{"devm_kmalloc"},
		Group: Memory, Fails: Null,
	},
	{
		Names: []string{"alloc_skb"}, Symbols: []string{"__alloc_skb", "__netdev_alloc_skb"},
		Group: Memory, Fails: Null,
	},
	{
		Names: []string{"alloc_netdev", "alloc_etherdev"}, Symbols: []string{"alloc_etherdev_mqs", "alloc_netdev_mqs"},
		Group: Memory, Fails: Null,
	},
	{Names: []string{"ioremap"}, Symbols: []string{"ioremap"}, Group: Memory, Fails: Null},
	{Names: []string{"dma_alloc_coherent"}, Symbols: []string{"dma_alloc_attrs"}, Group: Memory, Fails: Null},
	{
		Names: []string{"idr_alloc"}, Symbols: []string{"idr_alloc", "idr_alloc_cyclic"},
		Group: Memory, Fails: Errno, Errno: eNOMEM,
	},
	{
		Names: []string{"ida_alloc"}, Symbols: []string{"ida_alloc_range"},
		Group: Memory, Fails: Errno, Errno: eNOMEM,
	},

	{
		Names:   []string{"kthread_run", "kthread_create"},
		Symbols: []string{"kthread_create_on_cpu", "kthread_create_on_node"}, Group: Threads, Fails: ErrPtr, Errno: eNOMEM,
	},
	{
		Names:   []string{"kthread_create_worker", "kthread_run_worker"},
		Symbols: []string{"kthread_create_worker", "kthread_create_worker_on_cpu", "kthread_create_worker_on_node"},
		Group:   Threads, Fails: ErrPtr, Errno: eNOMEM,
	},
	{
		Names:   []string{"alloc_workqueue", "alloc_ordered_workqueue", "create_singlethread_workqueue", "create_workqueue"},
		Symbols: []string{"alloc_workqueue"}, Group: Threads, Fails: Null,
	},
	{
		Names: []string{"request_module"}, Symbols: []string{"__request_module"}, Group: Threads, Fails: Errno, Errno: eNOENT,
		Note: "as without a modprobe",
	},
	{
		Names: []string{"try_module_get"}, Symbols: []string{"try_module_get"}, Group: Threads, Fails: False,
		Note: "as of a module that is about to go",
	},

	{
		Names: []string{"class_create"}, Symbols: []string{"__class_create", "class_create"},
		Group: Registration, Fails: ErrPtr, Errno: eNOMEM,
	},
	{
		Names: []string{"device_create"}, Symbols: []string{"device_create", "device_create_with_groups"},
		Group: Registration, Fails: ErrPtr, Errno: eNOMEM,
	},
	{
		Names: []string{"device_create_file"}, Symbols: []string{"device_create_file"},
		Group: Registration, Fails: Errno, Errno: eNOMEM,
	},
	{
		Names: []string{"alloc_chrdev_region"}, Symbols: []string{"alloc_chrdev_region"},
		Group: Registration, Fails: Errno, Errno: eBUSY,
	},
	{
		Names: []string{"register_chrdev_region"}, Symbols: []string{"register_chrdev_region"},
		Group: Registration, Fails: Errno, Errno: eBUSY,
	},
	{
		Names: []string{"register_chrdev"}, Symbols: []string{"__register_chrdev"},
		Group: Registration, Fails: Errno, Errno: eBUSY,
	},
	{Names: []string{"cdev_alloc"}, Symbols: []string{"cdev_alloc"}, Group: Registration, Fails: Null},
	{Names: []string{"cdev_add"}, Symbols: []string{"cdev_add"}, Group: Registration, Fails: Errno, Errno: eNOMEM},
	{
		Names: []string{"misc_register"}, Symbols: []string{"misc_register"},
		Group: Registration, Fails: Errno, Errno: eBUSY,
	},
	{
		Names: []string{"register_blkdev"}, Symbols: []string{"__register_blkdev", "register_blkdev"},
		Group: Registration, Fails: Errno, Errno: eBUSY,
	},
	{
		Names: []string{"proc_create", "proc_create_data", "proc_create_seq", "proc_create_single"},
		Symbols: []string{
			"proc_create", "proc_create_data", "proc_create_seq_private", "proc_create_single_data",
		},
		Group: Registration, Fails: Null,
	},
	{
		Names: []string{"proc_mkdir"}, Symbols: []string{"proc_mkdir", "proc_mkdir_data", "proc_mkdir_mode"},
		Group: Registration, Fails: Null,
	},
	{
		Names: []string{"kobject_create_and_add"}, Symbols: []string{"kobject_create_and_add"},
		Group: Registration, Fails: Null,
	},
	{
		Names:   []string{"sysfs_create_file", "sysfs_create_group", "sysfs_create_groups"},
		Symbols: []string{"sysfs_create_file_ns", "sysfs_create_files", "sysfs_create_group", "sysfs_create_groups"},
		Group:   Registration, Fails: Errno, Errno: eNOMEM,
	},
	{
		Names: []string{"request_irq", "request_threaded_irq"}, Symbols: []string{"request_threaded_irq"},
		Group: Registration, Fails: Errno, Errno: eBUSY,
	},
	{
		Names: []string{"devm_request_irq"}, Symbols: []string{"devm_request_threaded_irq"},
		Group: Registration, Fails: Errno, Errno: eBUSY,
	},
	{
		Names: []string{"register_kprobe"}, Symbols: []string{"register_kprobe"},
		Group: Registration, Fails: Errno, Errno: eINVAL,
	},
	{
		Names: []string{"register_filesystem"}, Symbols: []string{"register_filesystem"},
		Group: Registration, Fails: Errno, Errno: eBUSY,
	},
	{
		Names: []string{"register_netdev"}, Symbols: []string{"register_netdev", "register_netdevice"},
		Group: Registration, Fails: Errno, Errno: eNOMEM,
	},
	{
		Names:   []string{"nf_register_net_hook", "nf_register_net_hooks"},
		Symbols: []string{"nf_register_net_hook", "nf_register_net_hooks"}, Group: Registration, Fails: Errno, Errno: eNOMEM,
	},
	{
		Names:   []string{"register_pernet_subsys", "register_pernet_device"},
		Symbols: []string{"register_pernet_device", "register_pernet_subsys"},
		Group:   Registration, Fails: Errno, Errno: eNOMEM,
	},
	{
		Names: []string{"platform_driver_register", "pci_register_driver", "usb_register", "i2c_add_driver"},
		Symbols: []string{
			"__pci_register_driver", "__platform_driver_register", "i2c_register_driver", "usb_register_driver",
		},
		Group: Registration, Fails: Errno, Errno: eBUSY,
	},

	{Names: []string{"filp_open"}, Symbols: []string{"filp_open"}, Group: Files, Fails: ErrPtr, Errno: eNOENT},
	{
		Names: []string{"sock_create_kern"}, Symbols: []string{"sock_create_kern"},
		Group: Files, Fails: Errno, Errno: eNOMEM,
	},
	{
		Names: []string{"kernel_bind"}, Symbols: []string{"kernel_bind"},
		Group: Files, Fails: Errno, Errno: eADDRINUSE,
	},
	{
		Names: []string{"kernel_connect"}, Symbols: []string{"kernel_connect"},
		Group: Files, Fails: Errno, Errno: eCONNREFUSED,
	},

	{
		Names: []string{"copy_from_user"}, Symbols: []string{"_copy_from_user"}, Group: Users, Fails: Rest, Clears: true,
		Note: "nothing is copied, and the kernel's side becomes zeros",
	},
	{
		Names: []string{"copy_to_user"}, Symbols: []string{"_copy_to_user"},
		Group: Users, Fails: Rest, Note: "nothing is copied",
	},
	{
		Names: []string{"strncpy_from_user"}, Symbols: []string{"strncpy_from_user"},
		Group: Users, Fails: Errno, Errno: eFAULT,
	},
	{
		Names:   []string{"memdup_user", "memdup_user_nul"},
		Symbols: []string{"memdup_user", "memdup_user_nul", "vmemdup_user"},
		Group:   Users, Fails: ErrPtr, Errno: eFAULT,
	},
	{
		Names:   []string{"simple_read_from_buffer", "simple_write_to_buffer"},
		Symbols: []string{"simple_read_from_buffer", "simple_write_to_buffer"}, Group: Users, Fails: Errno, Errno: eFAULT,
	},
	{
		Names: []string{"kstrtoint", "kstrtouint", "kstrtol", "kstrtoul", "kstrtobool"},
		Symbols: []string{
			"_kstrtol", "_kstrtoul", "kstrtobool", "kstrtoint", "kstrtoll", "kstrtouint", "kstrtoull",
		},
		Group: Users, Fails: Errno, Errno: eINVAL,
	},

	{
		Names:   []string{"wait_event_interruptible", "wait_event_interruptible_timeout"},
		Symbols: []string{"prepare_to_wait_event"}, Group: Waits, Fails: Errno, Errno: eRESTARTSYS, Wait: true,
		Note: "a wait counts once, and only if what it waits for was not there yet",
	},
	{
		Names:   []string{"wait_for_completion_interruptible"},
		Symbols: []string{"wait_for_completion_interruptible"}, Group: Waits, Fails: Errno, Errno: eRESTARTSYS, Signal: true,
	},
	{
		Names: []string{"mutex_lock_interruptible"}, Symbols: []string{"mutex_lock_interruptible"},
		Group: Waits, Fails: Errno, Errno: eINTR, Signal: true,
	},
	{
		Names: []string{"down_interruptible"}, Symbols: []string{"down_interruptible"},
		Group: Waits, Fails: Errno, Errno: eINTR, Signal: true,
	},
}
