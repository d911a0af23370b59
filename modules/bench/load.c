// SPDX-License-Identifier: GPL-2.0
/*
 * load - does the work that `make bench-tracer` measures, and prints the time it took
 *
 * Usage: load {kills|threads|requests} COUNT ...
 *
 * kills sends SIGUSR1, which is blocked, to itself; the module kmodlab_bench does
 * the other two. Each prints three lines: "begin NAME"; its name, COUNT and the time
 * in nanoseconds; "idle NAME" when the machine is idle again.
 *
 * It is also the modprobe of the machine, one that never finds a module:
 * `load -q -- NAME` exits with 1 at once.
 *
 * It waits until the machine is idle, because a tracer may still be busy with the
 * records of one kind of work when the next kind begins.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static long long now(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t))
		die("clock_gettime");
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* The ticks since boot that all processors together were not idle. */
static long long busy(void)
{
	long long user, nice, sys, idle, wait, irq, soft;
	FILE *f = fopen("/proc/stat", "r");

	if (!f)
		die("/proc/stat");
	if (fscanf(f, "cpu %lld %lld %lld %lld %lld %lld %lld", &user, &nice,
		   &sys, &idle, &wait, &irq, &soft) != 7)
		die("/proc/stat");
	fclose(f);
	return user + nice + sys + irq + soft;
}

/* Waits for half a second that leaves all processors idle, but for a tenth of one. */
static void settle(void)
{
	const struct timespec half = { .tv_nsec = 500000000 };
	const long enough = sysconf(_SC_CLK_TCK) / 20;
	int tries;

	for (tries = 0; tries < 240; tries++) {
		long long before = busy();

		nanosleep(&half, NULL);
		if (busy() - before <= enough)
			return;
	}
	fprintf(stderr, "the machine has been busy for two minutes\n");
	exit(1);
}

static long long kills(long n)
{
	pid_t self = getpid();
	long long begin;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		die("sigprocmask");
	begin = now();
	while (n--) {
		if (kill(self, SIGUSR1))
			die("kill");
	}
	return now() - begin;
}

static long long by_module(const char *what, const char *count)
{
	char name[128];
	long long ns;
	FILE *f;

	snprintf(name, sizeof(name), "/sys/module/kmodlab_bench/parameters/%s",
		 what);
	f = fopen(name, "w");
	if (!f || fputs(count, f) < 0 || fclose(f))
		die(name);
	f = fopen(name, "r");
	if (!f || fscanf(f, "%lld", &ns) != 1 || fclose(f))
		die(name);
	return ns;
}

int main(int argc, char **argv)
{
	int i;

	if (argc == 4 && strcmp(argv[1], "-q") == 0)
		return 1;
	if (argc < 3 || argc % 2 == 0) {
		fprintf(stderr,
			"usage: load {kills|threads|requests} COUNT ...\n");
		return 2;
	}
	settle();
	for (i = 1; i < argc; i += 2) {
		long long ns;

		printf("begin %s\n", argv[i]);
		fflush(stdout);
		if (strcmp(argv[i], "kills") == 0)
			ns = kills(atol(argv[i + 1]));
		else
			ns = by_module(argv[i], argv[i + 1]);
		printf("%s %s %lld\n", argv[i], argv[i + 1], ns);
		settle();
		printf("idle %s\n", argv[i]);
		fflush(stdout);
	}
	return 0;
}
