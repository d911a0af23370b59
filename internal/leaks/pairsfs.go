// SPDX-License-Identifier: MIT

package leaks

// algorithm is the pair of a kind of cryptographic algorithm, and of an array of them.
func algorithm(what, many string) []Pair {
	pair := func(suffix, one, more string) Pair {
		return Pair{Area: "Cryptography", Class: registration, One: one, Many: more,
			Take: "crypto_register_" + suffix + "(*)=0", Give: "crypto_unregister_" + suffix + "(*)"}
	}
	one := pair(what, "a cryptographic algorithm ("+what+")", "cryptographic algorithms ("+what+")")
	if many == "" {
		return []Pair{one}
	}
	array := pair(many, "an array of cryptographic algorithms ("+what+")", "arrays of cryptographic algorithms")
	one.Moot, array.Moot = "crypto_unregister_"+many, "crypto_unregister_"+what
	return []Pair{one, array}
}

var fsPairs = append([]Pair{
	{
		Area: "File systems", Class: registration, One: "a file system", Many: "file systems",
		Take: "register_filesystem(*)=0", Give: "unregister_filesystem(*)",
	},
	{
		Area: "File systems", Class: registration, One: "a mount of the kernel", Many: "mounts of the kernel",
		Take: "kern_mount()=*", Give: "kern_unmount(*) mntput(*)", Moot: "kern_unmount_array",
	},
	{
		Area: "File systems", Class: registration, One: "a binary format", Many: "binary formats",
		Take: "__register_binfmt(*)", Give: "unregister_binfmt(*)",
	},
	{
		Area: "File systems", Class: registration, One: "a character set", Many: "character sets",
		Take: "__register_nls(*)=0", Give: "unregister_nls(*)",
	},
	{
		Area: "File systems", Class: registration, One: "a key type", Many: "key types",
		Take: "register_key_type(*)=0", Give: "unregister_key_type(*)",
	},
	{
		Area: "File systems", Class: registration, One: "a configfs subsystem", Many: "configfs subsystems",
		Take: "configfs_register_subsystem(*)=0", Give: "configfs_unregister_subsystem(*)",
	},
	{
		Area: "File systems", Class: registration, One: "a pstore backend", Many: "pstore backends",
		Take: "pstore_register(*)=0", Give: "pstore_unregister(*)",
	},
	{
		Area: "File systems", Class: registration, One: "sysctl entries (/proc/sys/%s/%s)", Many: "tables of sysctl entries",
		Take: "register_sysctl(s,S)=* register_sysctl_sz(s,S)=*", Give: "unregister_sysctl_table(*)",
	},
	{
		Area: "File systems", Class: registration, One: "sysctl entries", Many: "tables of sysctl entries",
		Take: "__register_sysctl_table()=* register_sysctl_table()=* register_sysctl_paths()=*",
		Give: "unregister_sysctl_table(*)",
	},
	{
		Area: "File systems", Class: registration, One: "sysctl entries (/proc/sys/%s/%s)", Many: "tables of sysctl entries",
		Take: "register_net_sysctl(_,s,S)=* register_net_sysctl_sz(_,s,S)=*",
		Give: "unregister_net_sysctl_table(*) unregister_sysctl_table(*)",
	},
	{
		Area: "Cryptography", Class: registration, One: "a cryptographic transform (%s)", Many: "cryptographic transforms",
		Take: "crypto_alloc_shash(s)=* crypto_alloc_ahash(s)=* crypto_alloc_skcipher(s)=* crypto_alloc_sync_skcipher(s)=* " +
			"crypto_alloc_aead(s)=* crypto_alloc_akcipher(s)=* crypto_alloc_kpp(s)=* crypto_alloc_rng(s)=* " +
			"crypto_alloc_acomp(s)=* crypto_alloc_base(s)=*",
		Give: "crypto_destroy_tfm(*)",
	},
	{
		Area: "Cryptography", Class: registration, One: "a cryptographic template", Many: "cryptographic templates",
		Take: "crypto_register_template(*)=0", Give: "crypto_unregister_template(*)", Moot: "crypto_unregister_templates",
	},
}, cryptoPairs()...)

func cryptoPairs() []Pair {
	var list []Pair
	for _, k := range [][2]string{
		{"alg", "algs"}, {"skcipher", "skciphers"}, {"aead", "aeads"}, {"shash", "shashes"}, {"ahash", "ahashes"},
		{"rng", "rngs"}, {"akcipher", ""}, {"kpp", ""}, {"scomp", "scomps"}, {"acomp", "acomps"},
	} {
		list = append(list, algorithm(k[0], k[1])...)
	}
	return list
}

var referencePairs = []Pair{
	// A file is given back once the kernel releases it, after its last reference: fput is called for each read(2) of a
	// program with threads.
	{
		Area: "References", Class: resource, One: "an open file (%s)", Many: "open files", Undo: "filp_close fput",
		Take: "filp_open(s)=*", Give: "__fput(*)",
	},
	{
		Area: "References", Class: resource, One: "an open file in memory (%s)", Many: "open files in memory", Undo: "fput",
		Take: "shmem_file_setup(s)=* shmem_kernel_file_setup(s)=*", Give: "__fput(*)",
	},
	{
		Area: "References", Class: reference, One: "a reference to an address space", Many: "references to address spaces",
		Take: "get_task_mm()=*", Counted: true, Own: true, Give: "mmput(*) mmput_async(*)",
	},
	{
		Area: "References", Class: reference, One: "a reference to an inode", Many: "references to inodes",
		Take: "igrab()=*", Counted: true, Own: true, Give: "iput(*)",
		Moot: "d_instantiate d_add d_make_root d_splice_alias d_obtain_alias d_instantiate_new d_instantiate_anon " +
			"d_obtain_root d_add_ci d_exact_alias d_tmpfile d_mark_tmpfile d_mark_tmpfile_name " +
			"alloc_file_pseudo alloc_file_pseudo_noaccount",
	},
	{
		Area: "References", Class: reference, One: "a reference to a device", Many: "references to devices",
		Take: "get_device()=* bus_find_device()=* bus_find_device_reverse()=* class_find_device()=* driver_find_device()=* " +
			"device_find_child()=*",
		Counted: true, Own: true, Give: "put_device(*) device_unregister(*)",
		Moot: "kobject_put platform_device_put pci_dev_put usb_put_dev usb_put_intf i2c_put_adapter scsi_device_put",
	},
	{
		Area: "References", Class: reference, One: "a reference to a PCI device", Many: "references to PCI devices",
		Take:    "pci_get_domain_bus_and_slot()=* pci_get_slot()=* pci_dev_get()=*",
		Counted: true, Own: true, Give: "pci_dev_put(*)", Moot: "pci_get_device pci_get_class pci_get_subsys put_device",
	},
	{
		Area: "References", Class: reference, One: "a reference to an eventfd", Many: "references to eventfds",
		Take: "eventfd_ctx_fdget()=* eventfd_ctx_fileget()=*", Counted: true, Own: true, Give: "eventfd_ctx_put(*)",
	},
	{
		Area: "References", Class: resource, One: "a clock", Many: "clocks", Counted: true, Own: true,
		Take: "clk_get()=*", Give: "clk_put(*)", Moot: "pm_clk_add_clk clk_bulk_put",
	},
	{
		Area: "References", Class: resource, One: "a GPIO line", Many: "GPIO lines",
		Take: "gpiod_get()=* gpiod_get_index()=* gpiod_get_optional()=*", Give: "gpiod_put(*)",
	},
	{
		Area: "References", Class: resource, One: "a regulator", Many: "regulators",
		Take: "regulator_get()=*", Give: "regulator_put(*)", Moot: "regulator_bulk_free",
	},
}
