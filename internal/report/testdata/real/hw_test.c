// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HW_PING = 0x4801, HW_WAIT = 0x4802, HW_RESET = 0x4803 };

static int tests;

static void report(int ok, const char *what)
{
	printf("%s %d - %s\n", ok ? "ok" : "not ok", ++tests, what);
}

static int reads(int fd)
{
	char buf[16];
	int i;

	for (i = 0; i < 4; i++) {
		if (pread(fd, buf, sizeof(buf), 0) != 6 || memcmp(buf, "hello\n", 6))
			return 0;
	}
	return ioctl(fd, HW_PING, 0) == 0;
}

/* A child waits in the module until a signal ends it. */
static int ends_by_signal(int fd)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(ioctl(fd, HW_WAIT, 0) != 0);
	usleep(100 * 1000);
	kill(pid, SIGTERM);
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM;
}

int main(void)
{
	int fd = open("/dev/hw", O_RDWR);

	printf("TAP version 13\n1..3\n");
	report(reads(fd), "reads");
	report(ends_by_signal(fd), "a signal ends the wait");
	if (ioctl(fd, HW_RESET, 0) == 0) {
		report(1, "reset");
	} else {
		printf("# HW_RESET: %s\n", strerror(errno));
		report(0, "reset");
	}
	return 0;
}
