// SPDX-License-Identifier: GPL-2.0
/*
 * left_fs - registers a file system, a key type and sysctl entries, and gives nothing back
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/key-type.h>
#include <linux/kmsg_dump.h>
#include <linux/module.h>
#include <linux/nls.h>
#include <linux/sysctl.h>
#include <linux/version.h>

static struct file_system_type fs = { .name = "left_fs", .owner = THIS_MODULE };

static int left_fs_preparse(struct key_preparsed_payload *prep)
{
	return -EINVAL;
}

static struct key_type keys = { .name = "left_fs",
				.preparse = left_fs_preparse };
static int value;
static struct ctl_table table[] = { { .procname = "left_fs",
				      .data = &value,
				      .maxlen = sizeof(value),
				      .mode = 0644,
				      .proc_handler = proc_dointvec },
#if LINUX_VERSION_CODE < \
	KERNEL_VERSION(6, 11, 0) /* they end with an empty one */
				    {}
#endif
};
static struct ctl_table_header *header;
static struct file *file;

static int __init left_fs_init(void)
{
	int err;

	err = register_filesystem(&fs);
	if (err)
		return err;
	err = register_key_type(&keys);
	if (err)
		goto undo_1;
	header = register_sysctl("kernel", table);
	err = header ? 0 : -ENOMEM;
	if (err)
		goto undo_2;
	file = filp_open("/proc/uptime", O_RDONLY, 0);
	err = PTR_ERR_OR_ZERO(file);
	if (err)
		goto undo_3;
	return 0;

undo_3:
	unregister_sysctl_table(header);
undo_2:
	unregister_key_type(&keys);
undo_1:
	unregister_filesystem(&fs);
	return err;
}

static void __exit left_fs_exit(void)
{
	pr_info("left_fs: nothing is given back\n");
}

module_init(left_fs_init);
module_exit(left_fs_exit);
MODULE_DESCRIPTION("registers a file system, a key type and sysctl entries");
MODULE_LICENSE("GPL");
