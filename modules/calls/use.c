// SPDX-License-Identifier: MIT
/*
 * use - calls kmodlab_calls in all ways that the tracer knows
 *
 *	use          each way once
 *	use many N   N reads of the device
 *	use thread   has the module start a thread
 *	use killed   has the module send SIGKILL
 *	use fault    makes a fault in the function fault()
 *	use wait     never returns from the module, unless it is killed
 *	use oops     has the module make a fault in its 41st call
 *	use stay     leaves children behind that never return from the module
 *	use ring N   has the module wake its thread N times
 *	use later    is interrupted by a timer that wakes the thread
 *	use time N   says how long N times read() and getppid() take, and
 *	             waking the thread a tenth as often
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEV "/dev/kmodlab_calls"
#define PROC "/proc/kmodlab_calls/"
#define DEBUG "/sys/kernel/debug/kmodlab_calls/"
#define DEVICE "/sys/class/misc/kmodlab_calls/"
#define PARAMETERS "/sys/module/kmodlab_calls/parameters/"

#define NOTHING 0x40044801
#define THREAD 0x40044802
#define SIGNAL 0x40044803
#define WAIT 0x40044804
#define RING 0x40044806
#define LATER 0x40044807
#define OOPS 0x40044805

static char buf[4096];

static int opened(const char *path, int flags)
{
	int fd = open(path, flags);

	if (fd < 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

/* read() as a 32-bit program calls it; buf is below 4 GiB. */
static void compat(int fd)
{
	long ret = 3;

	asm volatile("int $0x80"
		     : "+a"(ret)
		     : "b"((long)fd), "c"(buf), "d"(5L)
		     : "memory", "r8", "r9", "r10", "r11");
}

static void device(void)
{
	struct iovec v = { buf, 8 };
	struct epoll_event event = { .events = EPOLLIN };
	fd_set set;
	void *p;
	int fd, ep;

	if (open(DEV, O_RDWR | O_EXCL) >= 0)
		exit(2);
	fd = opened(DEV, O_RDWR);
	read(fd, buf, 16);
	pread(fd, buf, 17, 0);
	readv(fd, &v, 1);
	compat(fd);
	write(fd, buf, 18);
	write(fd, buf, 101);
	lseek(fd, 5, SEEK_SET);
	ioctl(fd, NOTHING, 3);
	ioctl(fd, 99, 0);
	fsync(fd);
	poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0);
	FD_ZERO(&set);
	FD_SET(fd, &set);
	select(fd + 1, &set, NULL, NULL, NULL);
	ep = epoll_create1(0);
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
	close(ep);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		exit(3);
	munmap(p, 4096);
	close(fd);
}

/* Opens, reads or writes, and closes. */
static void file(const char *path, int writes)
{
	int fd = opened(path, writes ? O_RDWR : O_RDONLY);

	read(fd, buf, 100);
	if (writes)
		write(fd, "1\n", 2);
	close(fd);
}

static void sockets(void)
{
	int fd = socket(19, SOCK_DGRAM, 0);

	if (fd < 0) {
		perror("socket");
		exit(4);
	}
	send(fd, buf, 3, 0);
	recv(fd, buf, 4, 0);
	ioctl(fd, NOTHING, 0);
	close(fd);
}

static void child(void)
{
	int fd = opened(DEV, O_RDONLY);

	if (!fork()) {
		read(fd, buf, 1);
		_exit(7); /* the file is released by whoever is last */
	}
	wait(NULL);
	_exit(0); /* which is this process */
}

static void all(void)
{
	device();
	file(PROC "ops", 1);
	file(PROC "single", 0);
	file(PROC "list", 0);
	file(PROC "function", 0);
	file(DEVICE "level", 1);
	file(PARAMETERS "plain", 1);
	file(PARAMETERS "own", 1);
	file(DEBUG "ops", 1);
	file(DEBUG "seq", 0);
	file(DEBUG "simple", 1);
	file(DEBUG "unsafe", 1);
	sockets();
	child();
}

static void many(int n)
{
	int fd = opened(DEV, O_RDWR);

	while (n--)
		read(fd, buf, 1);
	_exit(0);
}

/* The children have no output of this process, so nobody waits for them. */
static void stay(void)
{
	int fd, i;

	if (!fork()) {
		setsid();
		close(1);
		close(2);
		fd = opened(DEV, O_RDWR);
		for (i = 0; i < 40; i++)
			ioctl(fd, NOTHING, i);
		ioctl(fd, WAIT, 0);
		_exit(1);
	}
	sleep(1); /* a misc device that is being opened keeps all others from being opened */
	if (!fork()) {
		setsid();
		close(1);
		close(2);
		open(DEV, O_RDWR | O_NONBLOCK);
		_exit(1);
	}
	sleep(1); /* until they are there */
}

static void oops(void)
{
	int fd = opened(DEV, O_RDWR), i;

	for (i = 0; i < 40; i++)
		ioctl(fd, NOTHING, i);
	ioctl(fd, OOPS, 8);
}

static long since(const struct timespec *begin)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	return (end.tv_sec - begin->tv_sec) * 1000000000L + end.tv_nsec -
	       begin->tv_nsec;
}

static void timed(int n)
{
	int fd = opened(DEV, O_RDWR), null = opened("/dev/zero", O_RDWR), i;
	struct timespec begin;
	long module, other, none, ring;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (i = 0; i < n; i++)
		read(fd, buf, 1);
	module = since(&begin);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (i = 0; i < n; i++)
		read(null, buf, 1);
	other = since(&begin);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (i = 0; i < n; i++)
		syscall(SYS_getppid);
	none = since(&begin);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	ioctl(fd, RING, n / 10);
	ring = since(&begin);
	printf("%ld %ld %ld %ld\n", module / n, other / n, none / n,
	       ring / (n / 10));
}

/* A timer comes while it is in the kernel, and another one while it is not. */
static int later(void)
{
	enum { RETURN, SPIN, RUNG };
	int fd = opened(DEV, O_RDWR);
	struct timespec begin;

	ioctl(fd, LATER, SPIN);
	ioctl(fd, LATER, RETURN);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	while (since(&begin) < 500000000)
		;
	return ioctl(fd, LATER, RUNG) != 2;
}

/* Its name must be found in the file. */
__attribute__((noinline)) static int fault(volatile int *p)
{
	return *p;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "many") && argc > 2)
		many(atoi(argv[2]));
	else if (!strcmp(what, "time") && argc > 2)
		timed(atoi(argv[2]));
	else if (!strcmp(what, "thread"))
		return ioctl(opened(DEV, O_RDWR), THREAD, 0);
	else if (!strcmp(what, "killed"))
		return ioctl(opened(DEV, O_RDWR), SIGNAL, 9);
	else if (!strcmp(what, "ring") && argc > 2)
		return ioctl(opened(DEV, O_RDWR), RING, atoi(argv[2]));
	else if (!strcmp(what, "later"))
		return later();
	else if (!strcmp(what, "wait"))
		return ioctl(opened(DEV, O_RDWR), WAIT, 0);
	else if (!strcmp(what, "stay"))
		stay();
	else if (!strcmp(what, "oops"))
		oops();
	else if (!strcmp(what, "fault"))
		return fault((int *)0x1234);
	else
		all();
	return 0;
}
