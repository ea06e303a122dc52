/* The client's side: plain blocking code, for a command that has nothing else to do. */
#include "control/control.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/clock.h"

static const char unix_prefix[] = "unix:";

/* A connected socket, or -1 with an error added. */
static int dial(const char *listen, struct error_list *errors)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const char *path;
	int fd;

	if (listen == NULL || strncmp(listen, unix_prefix, sizeof unix_prefix - 1) != 0) {
		error_add(errors, NULL, 0,
			  "the configuration names no control socket (control.listen = \"unix:PATH\")");
		return -1;
	}
	path = listen + sizeof unix_prefix - 1;
	if (strlen(path) >= sizeof addr.sun_path) {
		error_add(errors, NULL, 0, "the path of the control socket is too long: %s", path);
		return -1;
	}
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&addr, sizeof addr) == 0)
		return fd;
	error_add(errors, NULL, 0, "cannot connect to %s: %s%s", path, strerror(errno),
		  errno == ENOENT || errno == ECONNREFUSED ? " (is millgated running?)" : "");
	if (fd >= 0)
		close(fd);
	return -1;
}

static int send_line(int fd, const char *command)
{
	char line[256];
	struct sbuf b;
	size_t done = 0;

	sbuf_fixed(&b, line, sizeof line);
	sbuf_addf(&b, "%s\n", command);
	while (done < b.len) {
		ssize_t n = send(fd, b.p + done, b.len - done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		done += (size_t)n;
	}
	return 0;
}

/* Reads until the other side closes.  0, or -1 with errno set. */
static int read_all(int fd, int64_t deadline, struct sbuf *in)
{
	char buf[4096];

	for (;;) {
		int64_t left = deadline - clock_mono_ms();
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int ready = left > 0 ? poll(&p, 1, (int)left) : 0;
		ssize_t n;

		if (ready == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (ready < 0 && errno != EINTR)
			return -1;
		if (ready < 0)
			continue;
		n = read(fd, buf, sizeof buf);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0)
			sbuf_addn(in, buf, (size_t)n);
	}
}

int control_ask(const char *listen, const char *command, int timeout_ms, struct sbuf *text, struct error_list *errors)
{
	enum { ANSWER_MAX = 1 << 20 };
	int64_t deadline = clock_mono_ms() + timeout_ms;
	struct sbuf in;
	const char *rest;
	int fd, result = -1;

	fd = dial(listen, errors);
	if (fd < 0)
		return -1;
	sbuf_heap(&in, ANSWER_MAX);
	if (send_line(fd, command) != 0 || read_all(fd, deadline, &in) != 0) {
		error_add(errors, NULL, 0, "millgated does not answer on its control socket: %s", strerror(errno));
		goto out;
	}
	rest = in.len > 0 ? strchr(in.p, '\n') : NULL;
	if (rest != NULL && strncmp(in.p, "ok\n", 3) == 0)
		result = 0;
	else if (rest != NULL && strncmp(in.p, "error\n", 6) == 0)
		result = 1;
	else
		error_add(errors, NULL, 0, "the answer on the control socket is not millgated's");
	if (result >= 0 && rest[1] != '\0')
		sbuf_add(text, rest + 1);
out:
	sbuf_done(&in);
	close(fd);
	return result;
}
