// SPDX-License-Identifier: GPL-2.0
/* Runs in the guest, beside the module, and prints its results as TAP. */
#include <errno.h>
#include <fcntl.h>
#include <linux/ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAILBOX_SIZE 64
#define MAILBOX_EMPTY _IO('m', 1)

static int tests, failed;

static void ok(int good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++tests, name);
	failed += !good;
}

int main(void)
{
	char buf[MAILBOX_SIZE + 1] = { 0 };
	int fd = open("/dev/mailbox", O_RDWR);

	printf("TAP version 13\n");
	ok(fd >= 0, "opens");
	ok(write(fd, "hello", 5) == 5, "takes a message");
	ok(pread(fd, buf, sizeof(buf), 0) == 5 && !memcmp(buf, "hello", 5), "returns it");
	ok(write(fd, buf, sizeof(buf)) < 0 && errno == EMSGSIZE, "refuses a long one");
	ok(ioctl(fd, MAILBOX_EMPTY) == 0 && pread(fd, buf, sizeof(buf), 0) == 0, "can be emptied");
	ok(ioctl(fd, 0) < 0 && errno == ENOTTY, "knows no other ioctl");
	printf("1..%d\n", tests);
	return failed > 0;
}
