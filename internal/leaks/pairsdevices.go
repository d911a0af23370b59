// SPDX-License-Identifier: MIT

package leaks

// driver is the pair of a kind of driver.
func driver(what, take, give string) Pair {
	article := "a "
	if what[0] == 'I' || what[0] == 'A' || what[0] == 'H' {
		article = "an "
	}
	return Pair{Area: "Drivers", Class: registration, One: article + what + " driver", Many: what + " drivers",
		Take: take, Give: give}
}

var driverPairs = []Pair{
	driver("platform", "__platform_driver_register(*)=0", "platform_driver_unregister(*)"),
	driver("PCI", "__pci_register_driver(*)=0", "pci_unregister_driver(*)"),
	driver("USB", "usb_register_driver(*)=0", "usb_deregister(*)"),
	driver("virtio", "register_virtio_driver(*)=0 __register_virtio_driver(*)=0", "unregister_virtio_driver(*)"),
	driver("I2C", "i2c_register_driver(_,*)=0", "i2c_del_driver(*)"),
	driver("HID", "__hid_register_driver(*)=0", "hid_unregister_driver(*)"),
	driver("PNP", "pnp_register_driver(*)=0", "pnp_unregister_driver(*)"),
	driver("ACPI", "acpi_bus_register_driver(*)=0 __acpi_bus_register_driver(*)=0", "acpi_bus_unregister_driver(*)"),
	driver("serio", "__serio_register_driver(*)=0", "serio_unregister_driver(*)"),
	driver("cpufreq", "cpufreq_register_driver(*)=0", "cpufreq_unregister_driver(*)"),
	driver("cpuidle", "cpuidle_register_driver(*)=0", "cpuidle_unregister_driver(*)"),
	driver("TTY", "tty_register_driver(*)=0", "tty_unregister_driver(*)"),
	{
		Area: "Drivers", Class: registration, One: "a driver", Many: "drivers",
		Take: "driver_register(*)=0", Give: "driver_unregister(*)",
	},
	{
		Area: "Drivers", Class: memory, One: "the memory of a TTY driver", Many: "the memory of TTY drivers",
		Take: "__tty_alloc_driver()=*", Give: "tty_driver_kref_put(*) put_tty_driver(*)",
	},
	{
		Area: "Drivers", Class: registration, One: "a line discipline", Many: "line disciplines",
		Take: "tty_register_ldisc(*)=0", Give: "tty_unregister_ldisc(*)",
	},
	{
		Area: "Drivers", Class: registration, One: "a console", Many: "consoles",
		Take: "register_console(*)", Give: "unregister_console(*)",
	},
	{
		Area: "Drivers", Class: registration, One: "a SysRq key", Many: "SysRq keys",
		Take: "register_sysrq_key(#,*)=0", Give: "unregister_sysrq_key(#,*)",
	},
	{
		// One whose memory is devm_input_allocate_device's goes with the device that it was allocated for.
		Area: "Drivers", Class: registration, One: "an input device", Many: "input devices", Listed: true,
		Take: "input_register_device(*)=0", Give: "input_unregister_device(*)", Shows: "/sys/class/input/*",
	},
	{
		Area: "Drivers", Class: memory, One: "the memory of an input device", Many: "the memory of input devices",
		Take: "input_allocate_device()=*", Give: "input_free_device(*) input_unregister_device(*)", Moot: "put_device",
	},
	{
		Area: "Drivers", Class: registration, One: "an input handler", Many: "input handlers",
		Take: "input_register_handler(*)=0", Give: "input_unregister_handler(*)",
	},
	{
		Area: "Drivers", Class: registration, One: "an input handle", Many: "input handles",
		Take: "input_register_handle(*)=0", Give: "input_unregister_handle(*)",
	},
	{
		Area: "Drivers", Class: registration, One: "an I2C adapter", Many: "I2C adapters",
		Take: "i2c_add_adapter(*)=0 i2c_add_numbered_adapter(*)=0", Give: "i2c_del_adapter(*)",
	},
	{
		Area: "Drivers", Class: registration, One: "a watchdog", Many: "watchdogs",
		Take: "watchdog_register_device(*)=0", Give: "watchdog_unregister_device(*)", Shows: "/sys/class/watchdog/*",
	},
	{
		Area: "Drivers", Class: registration, One: "a hardware monitor", Many: "hardware monitors",
		Take: "hwmon_device_register_with_info()=* hwmon_device_register_with_groups()=* hwmon_device_register()=*",
		Give: "hwmon_device_unregister(*)", Shows: "/sys/class/hwmon/*",
	},
	{
		Area: "Drivers", Class: registration, One: "a thermal zone (%s)", Many: "thermal zones",
		Take: "thermal_zone_device_register(s)=* thermal_zone_device_register_with_trips(s)=* " +
			"thermal_tripless_zone_device_register(s)=*",
		Give: "thermal_zone_device_unregister(*)", Shows: "/sys/class/thermal/* /sys/devices/virtual/thermal/*",
	},
	{
		Area: "Drivers", Class: registration, One: "a cooling device (%s)", Many: "cooling devices",
		Take: "thermal_cooling_device_register(s)=*", Give: "thermal_cooling_device_unregister(*)",
		Shows: "/sys/class/thermal/* /sys/devices/virtual/thermal/*",
	},
	{
		Area: "Drivers", Class: registration, One: "a power supply", Many: "power supplies",
		Take: "power_supply_register()=* power_supply_register_no_ws()=*", Give: "power_supply_unregister(*)",
		Shows: "/sys/class/power_supply/* /sys/devices/virtual/power_supply/*",
	},
	{
		Area: "Drivers", Class: registration, One: "an LED", Many: "LEDs",
		Take: "led_classdev_register_ext(_,*)=0", Give: "led_classdev_unregister(*)",
		Shows: "/sys/class/leds/* /sys/devices/virtual/leds/*",
	},
	{
		Area: "Drivers", Class: registration, One: "an LED trigger", Many: "LED triggers",
		Take: "led_trigger_register(*)=0", Give: "led_trigger_unregister(*)",
	},
	{
		Area: "Drivers", Class: registration, One: "a GPIO chip", Many: "GPIO chips",
		Take: "gpiochip_add_data_with_key(*)=0", Give: "gpiochip_remove(*)",
	},
	{
		Area: "Drivers", Class: registration, One: "a PTP clock", Many: "PTP clocks",
		Take: "ptp_clock_register()=*", Give: "ptp_clock_unregister(*)", Shows: "/sys/class/ptp/*",
	},
	{
		Area: "Drivers", Class: registration, One: "a random number generator", Many: "random number generators",
		Take: "hwrng_register(*)=0", Give: "hwrng_unregister(*)",
	},
	{
		Area: "Drivers", Class: registration, One: "a clock source", Many: "clock sources",
		Take: "__clocksource_register_scale(*)=0", Give: "clocksource_unregister(*)",
	},
	{
		Area: "Drivers", Class: registration, One: "a latency request", Many: "latency requests",
		Take: "cpu_latency_qos_add_request(*)", Give: "cpu_latency_qos_remove_request(*)",
	},
	{
		Area: "Drivers", Class: registration, One: "a wakeup source (%s)", Many: "wakeup sources",
		Take: "wakeup_source_register(_,s)=*", Give: "wakeup_source_unregister(*)",
		Shows: "/sys/class/wakeup/* /sys/devices/virtual/wakeup/*",
	},
	{
		Area: "Drivers", Class: registration, One: "a register map", Many: "register maps",
		Take: "__regmap_init()=*", Give: "regmap_exit(*)",
	},
}

var devicePairs = []Pair{
	{
		Area: "Devices", Class: registration, One: "a character device", Many: "character devices",
		Take: "cdev_add(*)=0 cdev_device_add(*)=0", Give: "cdev_del(*) cdev_device_del(*)",
	},
	{
		Area: "Devices", Class: registration, One: "a misc device", Many: "misc devices",
		Take: "misc_register(*)=0", Give: "misc_deregister(*)",
		Shows: "/sys/class/misc/* /sys/devices/virtual/misc/*",
	},
	{
		Area: "Devices", Class: registration, One: "a platform device", Many: "platform devices", Listed: true,
		Take: "platform_device_register_full()=* platform_device_register(*)=0 platform_device_add(*)=0",
		Give: "platform_device_unregister(*) platform_device_del(*)", Shows: "/sys/devices/platform/*",
	},
	{
		Area: "Devices", Class: memory, One: "the memory of a platform device (%s)", Many: "platform devices' memory",
		Take: "platform_device_alloc(s)=*", Give: "platform_device_put(*) platform_device_unregister(*)",
		Moot: "put_device device_unregister kobject_put",
	},
	{
		Area: "Devices", Class: registration, One: "a device", Many: "devices", Listed: true,
		Take: "device_register(*)=0 device_add(*)=0 device_create()=* device_create_with_groups()=*",
		Give: "device_unregister(*) device_del(*)", Undo: "device_unregister device_destroy device_del",
		Shows: "/sys/class/*/* /sys/devices/virtual/*/*",
	},
	{
		Area: "Devices", Class: registration, One: "a root device (%s)", Many: "root devices",
		Take: "__root_device_register(s)=*", Give: "root_device_unregister(*)", Moot: "device_unregister",
	},
	{
		Area: "Devices", Class: registration, One: "a class", Many: "classes", Shows: "/sys/class/* /sys/devices/virtual/*",
		Take: "class_register(*)=0 __class_register(*)=0 class_create()=* __class_create()=*",
		Give: "class_unregister(*) class_destroy(*)",
	},
	{
		Area: "Devices", Class: registration, One: "a bus", Many: "buses", Shows: "/sys/bus/*",
		Take: "bus_register(*)=0", Give: "bus_unregister(*)",
	},
	{
		Area: "Devices", Class: registration, One: "a sysfs file", Many: "sysfs files", Listed: true,
		Take: "sysfs_create_file_ns(*,*)=0 sysfs_create_bin_file(*,*)=0 sysfs_create_files(*,*)=0",
		Give: "sysfs_remove_file_ns(*,*) sysfs_remove_bin_file(*,*) sysfs_remove_files(*,*)", Shows: "/sys/*/* /sys/*/*/* /sys/*/*/*/*",
	},
	{
		Area: "Devices", Class: registration, One: "a sysfs group", Many: "sysfs groups", Listed: true,
		Take: "sysfs_create_group(*,*)=0 sysfs_create_groups(*,*)=0",
		Give: "sysfs_remove_group(*,*) sysfs_remove_groups(*,*)", Shows: "/sys/*/* /sys/*/*/* /sys/*/*/*/*",
	},
	{
		Area: "Devices", Class: registration, One: "a disk", Many: "disks", Listed: true,
		Take: "device_add_disk(_,*)=0", Give: "del_gendisk(*)",
		Shows: "/sys/class/block/* /sys/devices/virtual/block/* /sys/class/bdi/* /sys/devices/virtual/bdi/*",
	},
	{
		Area: "Devices", Class: memory, One: "the memory of a disk", Many: "the memory of disks",
		Take: "__alloc_disk_node()=* __alloc_disk()=* __blk_alloc_disk()=* __blk_mq_alloc_disk()=*",
		Give: "put_disk(*) blk_cleanup_disk(*)", Moot: "put_device kobject_put",
	},
	{
		Area: "Devices", Class: registration, One: "a set of block tags", Many: "sets of block tags",
		Take: "blk_mq_alloc_tag_set(*)=0 blk_mq_alloc_sq_tag_set(*)=0", Give: "blk_mq_free_tag_set(*)",
	},
	{
		Area: "Devices", Class: registration, One: "a uio device", Many: "uio devices",
		Take: "__uio_register_device(_,_,*)=0", Give: "uio_unregister_device(*)",
	},
}
