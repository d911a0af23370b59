/* SPDX-License-Identifier: GPL-2.0 */
static inline __attribute__((always_inline)) int poke(volatile int *at)
{
	return *at; /* the load */
}

__attribute__((noinline)) int outer(volatile int *at)
{
	return poke(at);
}

int main(int argc, char **argv)
{
	return outer((void *)argv);
}
