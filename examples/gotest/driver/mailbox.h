/* SPDX-License-Identifier: GPL-2.0 */
#ifndef MAILBOX_H
#define MAILBOX_H

#include <linux/ioctl.h>

#define MAILBOX_SIZE 64
#define MAILBOX_EMPTY _IO('m', 1)

#endif
