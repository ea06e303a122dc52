#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/limits.h"
#include "util/bytes.h"

static int fail(struct error_list *errors, const char *where, const char *what, int error)
{
	error_add(errors, NULL, 0, "cannot listen on \"%s\": %s%s%s", where, what, error != 0 ? ": " : "",
		  error != 0 ? strerror(error) : "");
	return -1;
}

/* ---- Unix ---- */

/* What lies at the path is removed when it is a socket without a listener.  0, or -1 with an error added. */
static int clear_path(const struct sockaddr_un *sa, const char *where, struct error_list *errors)
{
	struct stat st;
	int fd, rc, error;

	if (lstat(sa->sun_path, &st) != 0)
		return errno == ENOENT ? 0 : fail(errors, where, "its directory cannot be searched", errno);
	if (!S_ISSOCK(st.st_mode))
		return fail(errors, where, "a file that is no socket is in the way", 0);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(errors, where, "no socket", errno);
	rc = connect(fd, (const struct sockaddr *)sa, sizeof(*sa));
	error = rc == 0 ? 0 : errno;
	close(fd);
	if (rc == 0 || error == EAGAIN)
		return fail(errors, where, "another process listens there", 0);
	if (error == ENOENT)
		return 0;
	if (error != ECONNREFUSED)
		return fail(errors, where, "cannot tell whether another process listens there", error);
	if (unlink(sa->sun_path) != 0 && errno != ENOENT)
		return fail(errors, where, "the socket file of an earlier process cannot be removed", errno);
	return 0;
}

static int find_group(const char *group, gid_t *gid)
{
	enum { ENTRY_SIZE = 65536 }; /* a group may have very many members */
	struct group entry, *found = NULL;
	char *room, *end;
	unsigned long number;

	if (ascii_is_digit(group[0])) {
		number = strtoul(group, &end, 10);
		*gid = (gid_t)number;
		return *end == '\0' && *gid == number ? 0 : -1;
	}
	room = malloc(ENTRY_SIZE);
	if (room == NULL)
		return -1;
	if (getgrnam_r(group, &entry, room, ENTRY_SIZE, &found) == 0 && found != NULL)
		*gid = found->gr_gid;
	free(room);
	return found != NULL ? 0 : -1;
}

/*
 * Group and permissions of the new socket, through a descriptor of the file itself: whoever may write to the
 * directory could have put a link in its place.  Nobody can connect before listen().
 */
static int set_access(struct listener *l, mode_t mode, gid_t gid, const char *where, struct error_list *errors)
{
	enum { PROC_PATH_SIZE = 40 };
	char proc[PROC_PATH_SIZE];
	struct stat st;
	int fd = open(l->path, O_PATH | O_NOFOLLOW | O_CLOEXEC), rc = -1;

	if (fd < 0)
		return fail(errors, where, "its socket file has vanished", errno);
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	if (fstat(fd, &st) != 0 || !S_ISSOCK(st.st_mode) || st.st_uid != geteuid()) {
		fail(errors, where, "its socket file has been replaced", 0);
		close(fd);
		return -1;
	}
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	if (gid != (gid_t)-1 && fchownat(fd, "", (uid_t)-1, gid, AT_EMPTY_PATH) != 0)
		fail(errors, where, "its group cannot be set", errno);
	else if (chmod(proc, mode) != 0)
		fail(errors, where, "its permissions cannot be set", errno);
	else
		rc = 0;
	close(fd);
	return rc;
}

static int open_unix(struct listener *l, const char *path, mode_t mode, const char *group, const char *where,
		     struct error_list *errors)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	gid_t gid = (gid_t)-1;

	if (path[0] != '/' || strlen(path) >= sizeof(sa.sun_path))
		return fail(errors, where, "an absolute path of at most 107 bytes is expected", 0);
	strcpy(sa.sun_path, path);
	if (group != NULL && find_group(group, &gid) != 0) {
		error_add(errors, NULL, 0, "cannot listen on \"%s\": there is no group \"%s\"", where, group);
		return -1;
	}
	if (clear_path(&sa, where, errors) != 0)
		return -1;
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* Linux takes the file's permissions from the socket's, less the umask: at no time wider than wished. */
	if (l->fd < 0 || fchmod(l->fd, S_IRUSR | S_IWUSR) != 0)
		return fail(errors, where, "no socket", errno);
	l->path = strdup(path);
	if (l->path == NULL)
		return fail(errors, where, "out of memory", 0);
	if (bind(l->fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0)
		return fail(errors, where, "bind", errno);
	return set_access(l, mode, gid, where, errors);
}

/* ---- TCP ---- */

static int set_flag(int fd, int level, int option)
{
	const int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on));
}

static int bind_inet(struct listener *l, const struct addrinfo *a, const char *where, struct error_list *errors)
{
	l->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return fail(errors, where, "no socket", errno);
	/* Accepted sockets inherit the options (Linux); without NODELAY an answer may wait 40 ms for an ACK. */
	if (set_flag(l->fd, SOL_SOCKET, SO_REUSEADDR) != 0 || set_flag(l->fd, SOL_SOCKET, SO_KEEPALIVE) != 0 ||
	    set_flag(l->fd, IPPROTO_TCP, TCP_NODELAY) != 0 ||
	    (a->ai_family == AF_INET6 && set_flag(l->fd, IPPROTO_IPV6, IPV6_V6ONLY) != 0))
		return fail(errors, where, "socket options", errno);
	if (bind(l->fd, a->ai_addr, a->ai_addrlen) != 0)
		return fail(errors, where, "bind", errno);
	return 0;
}

static int open_inet(struct listener *l, int family, const char *spec, const char *where, struct error_list *errors)
{
	enum { PORT_SIZE = 6 };
	const struct addrinfo hints = { .ai_family = family,
					.ai_socktype = SOCK_STREAM,
					.ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	const char *at = strchr(spec, '@');
	char port[PORT_SIZE];
	struct addrinfo *list;
	int rc;

	if (at == NULL || at == spec || (size_t)(at - spec) >= sizeof(port) || at[1] == '\0')
		return fail(errors, where, "PORT@ADDRESS is expected behind the colon", 0);
	memcpy(port, spec, (size_t)(at - spec));
	port[at - spec] = '\0';
	rc = getaddrinfo(at + 1, port, &hints, &list);
	if (rc != 0) {
		error_add(errors, NULL, 0, "cannot listen on \"%s\": %s", where, gai_strerror(rc));
		return -1;
	}
	rc = bind_inet(l, list, where, errors);
	freeaddrinfo(list);
	return rc;
}

/* ---- Either ---- */

/* What follows the scheme, or NULL when it is another. */
static const char *behind(const char *where, const char *scheme)
{
	size_t n = strlen(scheme);

	return strncmp(where, scheme, n) == 0 ? where + n : NULL;
}

static int open_any(struct listener *l, const char *where, mode_t mode, const char *group, struct error_list *errors)
{
	const char *rest;

	if ((rest = behind(where, "unix:")) != NULL)
		return open_unix(l, rest, mode, group, where, errors);
	if ((rest = behind(where, "inet:")) != NULL)
		return open_inet(l, AF_INET, rest, where, errors);
	if ((rest = behind(where, "inet6:")) != NULL)
		return open_inet(l, AF_INET6, rest, where, errors);
	return fail(errors, where, "\"unix:/path\", \"inet:PORT@ADDRESS\" or \"inet6:PORT@ADDRESS\" is expected", 0);
}

int listener_open(struct listener *l, const char *where, mode_t mode, const char *group, struct error_list *errors)
{
	*l = (struct listener){ .fd = -1 };
	if (open_any(l, where, mode, group, errors) == 0) {
		if (listen(l->fd, SERVER_BACKLOG) == 0)
			return 0;
		fail(errors, where, "listen", errno);
	}
	listener_close(l);
	return -1;
}

int listener_give(struct listener *l, uid_t owner, struct error_list *errors)
{
	struct stat st;
	int fd, rc = -1;

	if (l->path == NULL)
		return 0;
	fd = open(l->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0 || st.st_dev != l->dev || st.st_ino != l->ino)
		fail(errors, l->path, "its socket file has been replaced", 0);
	else if (fchownat(fd, "", owner, (gid_t)-1, AT_EMPTY_PATH) != 0)
		fail(errors, l->path, "its owner cannot be set", errno);
	else
		rc = 0;
	if (fd >= 0)
		close(fd);
	return rc;
}

void listener_close(struct listener *l)
{
	struct stat st;

	if (l->path != NULL && lstat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
		(void)unlink(l->path);
	if (l->fd >= 0)
		close(l->fd);
	free(l->path);
	*l = (struct listener){ .fd = -1 };
}
