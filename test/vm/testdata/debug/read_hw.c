// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	char text[16] = "";
	int fd = open("/dev/hw", O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) != 6 || strcmp(text, "hello\n")) {
		perror("/dev/hw");
		return 1;
	}
	return 0;
}
