// SPDX-License-Identifier: GPL-2.0
/*
 * forge_replies - init fails, and the host is told that modprobe loaded it
 */
#include "forge.h"

#define CALLS 200
#define RESUMED (1 << 30)

/* reply - what the agent would answer to a call */
static int reply(struct file *port, unsigned int call)
{
	char frame[128];
	int size;

	size = scnprintf(frame + 8, sizeof(frame) - 8,
			 "{\"id\":%u,\"done\":true,"
			 "\"body\":{\"exit\":0,\"pid\":99,\"ms\":1}}",
			 call);
	((u32 *)frame)[0] = size;
	((u32 *)frame)[1] = 0;
	return forge_send(port, frame, size + 8);
}

static int __init forge_replies_init(void)
{
	struct file *port = forge_port(0);
	unsigned int n;

	if (!port)
		return -ENODEV;
	for (n = 1; n <= CALLS; n++) {
		reply(port, n); /* fault */
		reply(port, RESUMED + n);
	}
	fput(port);
	return -EINVAL;
}

static void __exit forge_replies_exit(void)
{
}

module_init(forge_replies_init);
module_exit(forge_replies_exit);
MODULE_DESCRIPTION("init fails, and the host is told that modprobe loaded it");
MODULE_LICENSE("GPL");
