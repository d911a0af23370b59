// SPDX-License-Identifier: MIT

package hints

import "strings"

// Subsystem is a part of the kernel that a flavour may be built without: how the names of its symbols begin, the option
// that builds it, and what people call it.
type Subsystem struct {
	Prefixes []string
	Config   string // with its prefix CONFIG_
	What     string
}

// Subsystems are what Debian's cloud flavour leaves out and its generic one has.
var Subsystems = []Subsystem{
	{[]string{"ieee80211_"}, "CONFIG_MAC80211", "Wi-Fi"},
	{[]string{"cfg80211_", "wiphy_", "regulatory_", "__cfg80211", "__ieee80211"}, "CONFIG_CFG80211", "Wi-Fi"},
	{[]string{"snd_", "sof_", "hda_"}, "CONFIG_SND", "sound"},
	{[]string{"drm_", "ttm_", "__drm_", "mipi_dsi_"}, "CONFIG_DRM", "graphics"},
	{[]string{"usb_", "usbnet_", "__usb_", "xhci_", "ehci_"}, "CONFIG_USB", "USB"},
	{[]string{"typec_"}, "CONFIG_TYPEC", "USB Type-C"},
	{[]string{"v4l2_", "video_", "vb2_", "videobuf_", "__video_"}, "CONFIG_VIDEO_DEV", "video devices (V4L2)"},
	{[]string{"dvb_"}, "CONFIG_DVB_CORE", "digital television (DVB)"},
	{[]string{"media_"}, "CONFIG_MEDIA_SUPPORT", "media devices"},
	{[]string{"rc_"}, "CONFIG_RC_CORE", "remote controls"},
	{[]string{"hci_", "bt_", "l2cap_"}, "CONFIG_BT", "Bluetooth"},
	{[]string{"can_", "alloc_can", "register_can", "unregister_can", "open_candev", "close_candev"}, "CONFIG_CAN",
		"CAN bus"},
	{[]string{"nfc_", "nci_"}, "CONFIG_NFC", "NFC"},
	{[]string{"iio_", "__iio_", "devm_iio_", "__devm_iio_"}, "CONFIG_IIO", "industrial I/O sensors"},
	{[]string{"mmc_", "sdhci_", "sdio_"}, "CONFIG_MMC", "MMC and SD cards"},
	{[]string{"mtd_", "nand_"}, "CONFIG_MTD", "flash memory (MTD)"},
	{[]string{"phy_", "genphy_", "mdiobus_", "mdio_", "__mdiobus_"}, "CONFIG_PHYLIB", "Ethernet PHYs"},
	{[]string{"gpiod_", "gpiochip_", "gpio_", "devm_gpiod_", "devm_gpiochip_"}, "CONFIG_GPIOLIB", "GPIO"},
	{[]string{"i2c_", "__i2c_", "devm_i2c_"}, "CONFIG_I2C", "I2C"},
	{[]string{"spi_", "__spi_", "devm_spi_"}, "CONFIG_SPI", "SPI"},
	{[]string{"pwm_", "pwmchip_", "devm_pwm"}, "CONFIG_PWM", "PWM"},
	{[]string{"regulator_", "devm_regulator_"}, "CONFIG_REGULATOR", "regulators"},
	{[]string{"regmap_", "__regmap_", "devm_regmap_", "__devm_regmap_"}, "CONFIG_REGMAP", "register maps"},
	{[]string{"hwmon_", "devm_hwmon_"}, "CONFIG_HWMON", "hardware monitoring"},
	{[]string{"backlight_", "devm_backlight_"}, "CONFIG_BACKLIGHT_CLASS_DEVICE", "backlights"},
	{[]string{"parport_", "__parport_"}, "CONFIG_PARPORT", "parallel ports"},
	{[]string{"pcmcia_"}, "CONFIG_PCMCIA", "PCMCIA"},
	{[]string{"fw_"}, "CONFIG_FIREWIRE", "FireWire"},
	{[]string{"extcon_", "devm_extcon_"}, "CONFIG_EXTCON", "external connectors"},
	{[]string{"w1_"}, "CONFIG_W1", "1-wire"},
	{[]string{"rfkill_"}, "CONFIG_RFKILL", "radio switches"},
	{[]string{"hid_", "__hid_", "hidraw_", "hidinput_"}, "CONFIG_HID", "HID devices"},
	{[]string{"nvmem_", "devm_nvmem_"}, "CONFIG_NVMEM", "NVMEM cells"},
	{[]string{"ssb_", "__ssb_"}, "CONFIG_SSB", "the Sonics Silicon Backplane"},
	{[]string{"bcma_", "__bcma_"}, "CONFIG_BCMA", "the Broadcom AMBA bus"},
	{[]string{"ieee802154_"}, "CONFIG_IEEE802154", "IEEE 802.15.4 radio"},
	{[]string{"gameport_", "__gameport_"}, "CONFIG_GAMEPORT", "gameports"},
	{[]string{"ax25_"}, "CONFIG_HAMRADIO", "amateur radio"},
}

// SubsystemOf is the part of the kernel that a symbol's name says it is from, nil if it says nothing.
func SubsystemOf(symbol string) *Subsystem {
	for i := range Subsystems {
		for _, p := range Subsystems[i].Prefixes {
			if strings.HasPrefix(symbol, p) {
				return &Subsystems[i]
			}
		}
	}
	return nil
}
