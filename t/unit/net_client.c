#include "t/unit/net_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "t/lib/tap.h"
#include "t/unit/net_fixture.h"

enum { LINE_SIZE = 4096, RETRY_US = 1000 };

void client_connect(int fd, const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	while (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0) {
		if (errno != EAGAIN)
			bail_out("connect: %s", strerror(errno));
		usleep(RETRY_US);
	}
}

int client_open(const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	client_connect(fd, path);
	return fd;
}

void client_put_n(int fd, const char *p, size_t n)
{
	if (send(fd, p, n, MSG_NOSIGNAL) != (ssize_t)n)
		bail_out("send: %s", strerror(errno));
}

void client_put(int fd, const char *text)
{
	client_put_n(fd, text, strlen(text));
}

size_t client_get(int fd, char *p, size_t n)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t got = 0;

	while (got < n) {
		ssize_t now;

		if (poll(&pfd, 1, FIXTURE_PATIENCE_MS) <= 0)
			bail_out("no answer within %d ms", FIXTURE_PATIENCE_MS);
		now = read(fd, p + got, n - got);
		if (now <= 0)
			break;
		got += (size_t)now;
	}
	return got;
}

const char *client_line(int fd)
{
	static _Thread_local char text[LINE_SIZE];
	size_t n = 0;

	while (n < sizeof(text) - 1 && client_get(fd, text + n, 1) == 1 && text[n] != '\n')
		n++;
	text[n] = '\0';
	return text;
}

bool client_is_closed(int fd)
{
	char c;

	return client_get(fd, &c, 1) == 0;
}
