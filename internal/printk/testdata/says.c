// SPDX-License-Identifier: GPL-2.0
/*
 * A stand-in for a module: what printk, pr_cont and dev_info leave in an object.
 */
#define KERN_SOH "\001"
#define __init __attribute__((__section__(".init.text")))
#define __exit __attribute__((__section__(".exit.text")))
#define used __attribute__((__used__, __noinline__))

int _printk(const char *fmt, ...);
void _dev_info(const void *dev, const char *fmt, ...);
void print_hex_dump(const char *level, const char *prefix, int type, int row,
		    int group, const void *buf, unsigned long len, int ascii);

static const char in_data[] = KERN_SOH "4a format in an array, %d\n";

used int worker(int n)
{
	_printk(KERN_SOH "6round %d of %s\n", n, "three");
	_printk(KERN_SOH "6shared by two\n");
	return 0;
}

int __init says_init(void)
{
	_printk(KERN_SOH "6starting with %p\nsecond line\n", in_data);
	_printk("no level at all\n");
	_printk(KERN_SOH "c and more");
	_printk(in_data, 1);
	_dev_info(in_data, "revision %d found\n", 2);
	print_hex_dump(KERN_SOH "7", "raw: ", 0, 16, 1, in_data, 4, 0);
	return 0;
}

int init_module(void) __attribute__((__alias__("says_init")));

void __exit says_exit(void)
{
	_printk(KERN_SOH "6shared by two\n");
	_printk(KERN_SOH "5bye\n");
}

void cleanup_module(void) __attribute__((__alias__("says_exit")));
