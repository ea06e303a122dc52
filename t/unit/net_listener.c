/* Listening sockets: what a setting means, who may connect, what happens to files that are in the way. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/listener.h"
#include "t/lib/tap.h"
#include "t/unit/net_fixture.h"

static char path[FIXTURE_PATH_SIZE], where[FIXTURE_PATH_SIZE + 8];

/* The error's text, or NULL when it listens (and then stops). */
static const char *refused(const char *setting, const char *group)
{
	static char text[512];
	struct error_list errors = ERROR_LIST_INIT;
	struct listener l;

	if (listener_open(&l, setting, 0660, group, &errors) == 0) {
		listener_close(&l);
		return NULL;
	}
	snprintf(text, sizeof(text), "%s", errors.first != NULL ? errors.first->text : "no text");
	if (errors.errors != 1)
		fail("%s: %u errors", setting, errors.errors);
	error_clear(&errors);
	return text;
}

static int connect_to(const char *socket_path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), rc;

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", socket_path);
	rc = connect(fd, (struct sockaddr *)&sa, sizeof(sa));
	close(fd);
	return rc;
}

static bool exists(void)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void test_unix(void)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct listener l, second;
	struct stat st;
	mode_t umask_before = umask(077);

	ok(listener_open(&l, where, 0666, NULL, &errors) == 0, "a Unix socket");
	ok(stat(path, &st) == 0 && S_ISSOCK(st.st_mode), "is there");
	is_int(st.st_mode & 07777, 0666, "with the permissions asked for, whatever the umask");
	is_int(connect_to(path), 0, "and takes connections");
	umask(umask_before);
	ok(listener_open(&second, where, 0666, NULL, &errors) != 0, "a second one at the same place is refused");
	ok(errors.first != NULL && strstr(errors.first->text, "another process listens") != NULL,
	   "because of the first");
	error_clear(&errors);
	is_int(connect_to(path), 0, "which goes on");
	listener_close(&l);
	ok(!exists(), "closing removes the file");
	listener_close(&l);

	ok(listener_open(&l, where, 0600, NULL, &errors) == 0, "again");
	shutdown(l.fd, SHUT_RDWR); /* as after a crash, to others */
	ok(exists() && connect_to(path) != 0, "a file without a listener");
	ok(listener_open(&second, where, 0640, NULL, &errors) == 0, "is replaced");
	ok(stat(path, &st) == 0 && (st.st_mode & 07777) == 0640, "with the new permissions");
	listener_close(&l);
	ok(exists(), "the earlier owner does not remove what is no longer its own");
	listener_close(&second);
	ok(!exists(), "the later one does");
}

static void test_unix_refusals(void)
{
	char setting[256], target[FIXTURE_PATH_SIZE + 8];
	struct stat st;
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	close(fd);
	ok(strstr(refused(where, NULL), "no socket is in the way") != NULL, "a file that is no socket is in the way");
	ok(stat(path, &st) == 0 && S_ISREG(st.st_mode), "and stays");
	unlink(path);

	snprintf(target, sizeof(target), "%s.target", path);
	fd = open(target, O_CREAT | O_WRONLY, 0600);
	close(fd);
	ok(symlink(target, path) == 0 && refused(where, NULL) != NULL, "so is a symbolic link");
	ok(stat(target, &st) == 0 && (st.st_mode & 07777) == 0600, "whose target is not touched");
	unlink(path);
	unlink(target);

	snprintf(setting, sizeof(setting), "unix:%s/none/x.sock", fixture_dir());
	ok(refused(setting, NULL) != NULL, "a directory that does not exist");
	snprintf(setting, sizeof(setting), "unix:/%0120d", 0);
	ok(refused(setting, NULL) != NULL, "a path that is too long");
	ok(refused("unix:relative", NULL) != NULL, "a relative path");
	ok(refused("unix:", NULL) != NULL, "none");
	ok(strstr(refused(where, "no-such-group"), "no group \"no-such-group\"") != NULL,
	   "a group that does not exist");
	ok(!exists(), "leaves nothing behind");
}

static void test_group(void)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct group *mail = getgrnam("mail");
	struct listener l;
	struct stat st;

	if (geteuid() != 0 || mail == NULL) {
		skip(2, "only root may give a file to another group");
		return;
	}
	ok(listener_open(&l, where, 0660, "mail", &errors) == 0, "with a group");
	ok(stat(path, &st) == 0 && st.st_gid == mail->gr_gid && (st.st_mode & 07777) == 0660, "the file belongs to it");
	listener_close(&l);
	ok(listener_open(&l, where, 0660, "12345", &errors) == 0, "a group's number");
	ok(stat(path, &st) == 0 && st.st_gid == 12345, "is taken as it is");
	listener_close(&l);
}

static void test_inet(void)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct sockaddr_in sa;
	socklen_t n = sizeof(sa);
	struct listener l, again;
	int fd, on = 0;
	char setting[64];

	ok(listener_open(&l, "inet:0@127.0.0.1", 0, NULL, &errors) == 0, "TCP, on any port");
	ok(getsockname(l.fd, (struct sockaddr *)&sa, &n) == 0 && ntohl(sa.sin_addr.s_addr) == INADDR_LOOPBACK,
	   "on the address asked for");
	fd = socket(AF_INET, SOCK_STREAM, 0);
	is_int(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0, "takes connections");
	snprintf(setting, sizeof(setting), "inet:%d@127.0.0.1", ntohs(sa.sin_port));
	ok(refused(setting, NULL) != NULL, "a second one on the same port is refused");
	{
		int peer = accept4(l.fd, NULL, NULL, SOCK_CLOEXEC);

		n = sizeof(on);
		ok(peer >= 0 && getsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, &n) == 0 && on != 0,
		   "which inherit TCP_NODELAY");
		close(peer); /* first, so that the port's old connection is on this side */
	}
	listener_close(&l);
	close(fd);
	ok(listener_open(&again, setting, 0, NULL, &errors) == 0, "a port with old connections can be taken again");
	listener_close(&again);
	if (fixture_has_ipv6()) {
		ok(refused("inet6:0@::1", NULL) == NULL, "TCP over IPv6");
		ok(refused("inet:0@::1", NULL) != NULL, "an IPv6 address is none for inet");
	}
	ok(refused("inet:0@localhost", NULL) == NULL, "a host name");
	ok(refused("inet:0", NULL) != NULL, "no address");
	ok(refused("inet:0@", NULL) != NULL, "an empty one");
	ok(refused("inet:@127.0.0.1", NULL) != NULL, "no port");
	ok(refused("inet:99999999@127.0.0.1", NULL) != NULL, "no such port");
	ok(refused("inet:http@127.0.0.1", NULL) != NULL, "a port by name");
	ok(refused("inet:0@192.0.2.1", NULL) != NULL, "an address of another machine");
	ok(refused("tcp:0@127.0.0.1", NULL) != NULL, "another scheme");
	ok(refused("", NULL) != NULL, "nothing");
}

int main(void)
{
	snprintf(path, sizeof(path), "%s/listen.sock", fixture_dir());
	snprintf(where, sizeof(where), "unix:%s", path);
	test_unix();
	test_unix_refusals();
	test_group();
	test_inet();
	return done_testing();
}
