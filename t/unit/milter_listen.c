/*
 * The listening socket, with the real libmilter, which opens one per process: so each case has a process of its own.
 */
#include "milter/front.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t/lib/tap.h"

static char dir[] = "/tmp/milter_listen.XXXXXX";

/* What the child found out, sent through a pipe. */
struct result {
	int fd;
	int nodelay;
	struct stat st;
	char error[300];
};

static void child(const char *spec, mode_t mode, const char *user, const char *group, struct result *r)
{
	const struct smfiDesc filter = { .xxfi_name = (char *)"test", .xxfi_version = SMFI_VERSION };
	struct error_list errors = ERROR_LIST_INIT;
	socklen_t n = sizeof r->nodelay;

	smfi_register(filter);
	umask(022);
	r->fd = milter_listen(spec, mode, user, group, &errors);
	if (errors.first)
		snprintf(r->error, sizeof r->error, "%s", errors.first->text);
	if (r->fd >= 0)
		getsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &r->nodelay, &n);
	if (strncmp(spec, "unix:", 5) == 0)
		(void)lstat(spec + 5, &r->st);
	if (umask(022) != 022)
		snprintf(r->error, sizeof r->error, "the umask was not put back");
	error_clear(&errors);
}

static struct result try_listen(const char *spec, mode_t mode, const char *user, const char *group)
{
	struct result r = { .fd = -2 };
	int fds[2], status;
	pid_t pid;

	if (pipe(fds) != 0 || (pid = fork()) < 0)
		bail_out("no process: %s", strerror(errno));
	if (pid == 0) {
		child(spec, mode, user, group, &r);
		_exit(write(fds[1], &r, sizeof r) != sizeof r);
	}
	close(fds[1]);
	if (read(fds[0], &r, sizeof r) != sizeof r)
		diag("the process said nothing");
	close(fds[0]);
	waitpid(pid, &status, 0);
	is_int(status, 0, "%s: the process ended well", spec);
	return r;
}

static const char *path_of(const char *name)
{
	static char path[200];

	snprintf(path, sizeof path, "unix:%s/%s", dir, name);
	return path;
}

static void test_mode_and_owner(void)
{
	const struct passwd *nobody = getpwnam("nobody");
	struct result r;

	r = try_listen(path_of("a"), 0660, NULL, NULL);
	ok(r.fd >= 0, "listens");
	ok(S_ISSOCK(r.st.st_mode), "on a socket");
	is_int(r.st.st_mode & 07777, 0660, "with its mode, whatever the umask");
	r = try_listen(path_of("a"), 0600, NULL, NULL);
	ok(r.fd >= 0, "a socket that was left behind is replaced");
	is_int(r.st.st_mode & 07777, 0600, "by one with the new mode");
	if (geteuid() != 0 || !nobody) {
		skip(4, "only root can give a socket away");
		return;
	}
	r = try_listen(path_of("b"), 0660, "nobody", "daemon");
	is_int(r.st.st_uid, nobody->pw_uid, "the service's user owns it");
	is_int(r.st.st_gid, 1, "the group is as configured");
	is_int(r.st.st_mode & 07777, 0660, "its mode stays");
}

static void test_refused(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct result r;
	char text[200];
	int fd;

	r = try_listen(path_of("c"), 0660, NULL, "no-such-group");
	is_str(r.error, "milter.group: there is no group \"no-such-group\"", "an unknown group");
	is_int(r.st.st_mode, 0, "nothing was made");
	r = try_listen("unix:relative", 0660, NULL, NULL);
	ok(r.fd < 0 && strstr(r.error, "has to begin with /"), "a relative path");
	memset(text, 'x', sizeof text);
	memcpy(text, "unix:/", 6);
	text[150] = '\0';
	r = try_listen(text, 0660, NULL, NULL);
	ok(r.fd < 0 && strstr(r.error, "at most 106 bytes"), "a path too long");
	r = try_listen("/no/kind", 0660, NULL, NULL);
	ok(r.fd < 0 && strstr(r.error, "write unix:PATH"), "no address");
	r = try_listen("inet:0@127.0.0.1", 0660, NULL, NULL);
	ok(r.fd < 0 && strstr(r.error, "write unix:PATH"), "port 0");
	r = try_listen("inet:65536@127.0.0.1", 0660, NULL, NULL);
	ok(r.fd < 0 && strstr(r.error, "write unix:PATH"), "port 65536");
	r = try_listen("inet:99x@127.0.0.1", 0660, NULL, NULL);
	ok(r.fd < 0 && strstr(r.error, "write unix:PATH"), "no port");
	r = try_listen(path_of("no/such/directory"), 0660, NULL, NULL);
	ok(r.fd < 0 && strstr(r.error, "No such file or directory"), "no directory");

	snprintf(un.sun_path, sizeof un.sun_path, "%s/file", dir);
	fd = open(un.sun_path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	r = try_listen(path_of("file"), 0660, NULL, NULL);
	ok(r.fd < 0 && strstr(r.error, "is no socket"), "a file in the way");
	ok(S_ISREG(r.st.st_mode), "which stays");

	snprintf(un.sun_path, sizeof un.sun_path, "%s/live", dir);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ok(bind(fd, (struct sockaddr *)&un, sizeof un) == 0 && listen(fd, 1) == 0, "somebody listens");
	r = try_listen(path_of("live"), 0660, NULL, NULL);
	ok(r.fd < 0 && strstr(r.error, "another process already listens"), "a live socket is not taken away");
	close(fd);
}

static void test_tcp(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof in;
	struct result r;
	char spec[60];
	int fd;

	/* A port that was free a moment ago. */
	fd = socket(AF_INET, SOCK_STREAM, 0);
	ok(bind(fd, (struct sockaddr *)&in, sizeof in) == 0 && getsockname(fd, (struct sockaddr *)&in, &n) == 0,
	   "a port");
	snprintf(spec, sizeof spec, "inet:%d@127.0.0.1", ntohs(in.sin_port));
	listen(fd, 1);
	r = try_listen(spec, 0660, NULL, NULL);
	ok(r.fd < 0 && strstr(r.error, "Address already in use"), "a port in use");
	close(fd);
	r = try_listen(spec, 0660, NULL, NULL);
	ok(r.fd >= 0, "a free one: %s", r.error);
	is_int(r.nodelay, 1, "TCP_NODELAY is set on the socket that listens");
}

int main(void)
{
	char command[100];

	if (!mkdtemp(dir))
		bail_out("no directory: %s", strerror(errno));
	test_mode_and_owner();
	test_refused();
	test_tcp();
	snprintf(command, sizeof command, "rm -rf %s", dir);
	if (system(command) != 0)
		diag("%s failed", command);
	return done_testing();
}
