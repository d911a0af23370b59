// SPDX-License-Identifier: GPL-2.0
/* Functions as a kernel module has them: in several sections, with a cold part
 * that the compiler moves away, with inlined calls, and one name used twice. */
extern int next(int value);
extern void complain(const char *text) __attribute__((cold));

#define INIT __attribute__((section(".init.text"), noinline))
#define EXIT __attribute__((section(".exit.text"), noinline))

static inline __attribute__((always_inline)) int peek(const int *place)
{
	return *(const volatile int *)place; /* line: peek */
}

static inline __attribute__((always_inline)) int twice(const int *place)
{
	return peek(place) + /* line: twice-first */
	       peek(place + 1);
}

__attribute__((noinline)) int reader(const int *place)
{
	int sum = next(1);

	sum += twice(place); /* line: reader */
	return next(sum) + 1; /* line: reader-call */
}

__attribute__((noinline)) int worker(int value)
{
	if (__builtin_expect(value < 0, 0)) {
		complain("negative"); /* line: cold */
		value = next(-value);
	}
	return next(value) + 2; /* line: worker-call */
}

INIT int start(void)
{
	return next(3) + 3; /* line: start-call */
}

EXIT int stop(void)
{
	return next(4) + 4; /* line: stop-call */
}
