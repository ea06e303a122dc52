/*
 * The listening socket.  libmilter makes it; we see to its owner, its mode and its delay, which libmilter does not.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "milter/front.h"

_Static_assert((int)MILTER_MAX_FD <= FD_SETSIZE, "a descriptor would not fit its set");

/* Where PATH begins in "unix:PATH"; NULL when it is another kind of address. */
static const char *unix_path(const char *spec)
{
	return strncasecmp(spec, "unix:", 5) == 0 || strncasecmp(spec, "local:", 6) == 0 ? strchr(spec, ':') + 1 : NULL;
}

/* libmilter reads a port with atoi(). */
static bool is_inet(const char *spec)
{
	const char *port;
	char *end;
	long n;

	if (strncasecmp(spec, "inet:", 5) != 0 && strncasecmp(spec, "inet6:", 6) != 0)
		return false;
	port = strchr(spec, ':') + 1;
	if (!isdigit((unsigned char)*port))
		return false;
	n = strtol(port, &end, 10);
	return n > 0 && n <= UINT16_MAX && (*end == '\0' || (*end == '@' && end[1] != '\0'));
}

/* libmilter removes a socket in its way, whoever listens on it: so look whether somebody does.  1, 0, or -1 (errno). */
static int somebody_listens(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int live;

	if (fd < 0)
		return -1;
	live = connect(fd, (const struct sockaddr *)addr, sizeof *addr) == 0 || errno == EAGAIN;
	close(fd);
	return live;
}

static int check_path(const char *path, struct error_list *errors)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;
	int live;

	/* libmilter wants room for one byte more than the path and its NUL. */
	if (strlen(path) + 1 >= sizeof addr.sun_path || path[0] != '/') {
		error_add(errors, NULL, 0,
			  "milter.listen: \"%s\" cannot be a socket's path: it has to begin with / and to have at most "
			  "%zu bytes",
			  path, sizeof addr.sun_path - 2);
		return -1;
	}
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
		error_add(errors, NULL, 0, "milter.listen: %s is there already, and is no socket", path);
		return -1;
	}
	memcpy(addr.sun_path, path, strlen(path) + 1);
	live = somebody_listens(&addr);
	if (live < 0)
		error_add(errors, NULL, 0, "milter.listen: no socket: %s", strerror(errno));
	else if (live)
		error_add(errors, NULL, 0, "milter.listen: another process already listens on %s", path);
	return live ? -1 : 0;
}

static int check_spec(const char *spec, struct error_list *errors)
{
	const char *path = unix_path(spec);

	if (path)
		return check_path(path, errors);
	if (is_inet(spec))
		return 0;
	error_add(errors, NULL, 0,
		  "milter.listen: \"%s\" is no address: write unix:PATH, inet:PORT@ADDRESS or inet6:PORT@ADDRESS",
		  spec);
	return -1;
}

/* The group's number, (gid_t)-1 for NULL.  0, or -1 with an error added. */
static int find_group(const char *name, gid_t *gid, struct error_list *errors)
{
	const struct group *gr;

	*gid = (gid_t)-1;
	if (!name || !*name)
		return 0;
	errno = 0;
	gr = getgrnam(name);
	if (!gr) {
		error_add(errors, NULL, 0, "milter.group: there is no group \"%s\"%s%s", name, errno ? ": " : "",
			  errno ? strerror(errno) : "");
		return -1;
	}
	*gid = gr->gr_gid;
	return 0;
}

/* The descriptors of this process that listen. */
static void listening(fd_set *set)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;

	FD_ZERO(set);
	while (dir && (entry = readdir(dir))) {
		long fd = strtol(entry->d_name, NULL, 10);
		int on = 0;
		socklen_t n = sizeof on;

		if (isdigit((unsigned char)entry->d_name[0]) && fd < MILTER_MAX_FD &&
		    getsockopt((int)fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) == 0 && on)
			FD_SET((int)fd, set);
	}
	if (dir)
		closedir(dir);
}

/* Has libmilter bind.  Answers its descriptor, which libmilter tells nobody: the one that was not there before. */
static int bind_by_libmilter(const char *spec, mode_t mode, struct error_list *errors)
{
	fd_set before, after;
	mode_t mask;
	int done;

	listening(&before);
	mask = umask(~mode & 0777);
	errno = 0;
	(void)smfi_setmaxdatasize(MILTER_PACKET_MAX);
	done = smfi_setconn((char *)spec) == MI_SUCCESS && smfi_setbacklog(MILTER_BACKLOG) == MI_SUCCESS &&
	       smfi_opensocket(true) == MI_SUCCESS;
	umask(mask);
	if (!done) {
		error_add(errors, NULL, 0, "milter.listen: cannot listen on %s: %s", spec,
			  errno ? strerror(errno) : "libmilter logged why");
		return -1;
	}
	listening(&after);
	for (int fd = 0; fd < MILTER_MAX_FD; fd++) {
		if (FD_ISSET(fd, &after) && !FD_ISSET(fd, &before))
			return fd;
	}
	error_add(errors, NULL, 0, "milter.listen: cannot find the socket that listens on %s", spec);
	return -1;
}

/* The socket was born with its mode; until it is given away it is open to fewer than it will be. */
static int give_away(const char *path, const char *user, gid_t gid, struct error_list *errors)
{
	const struct passwd *pw = user && geteuid() == 0 ? getpwnam(user) : NULL;

	if ((!pw && gid == (gid_t)-1) || lchown(path, pw ? pw->pw_uid : (uid_t)-1, gid) == 0)
		return 0;
	error_add(errors, NULL, 0, "milter.group: cannot give %s away: %s", path, strerror(errno));
	return -1;
}

int milter_listen(const char *spec, mode_t mode, const char *user, const char *group, struct error_list *errors)
{
	const char *path = unix_path(spec);
	const int on = 1;
	gid_t gid;
	int fd, ours;

	if (check_spec(spec, errors) != 0 || find_group(group, &gid, errors) != 0)
		return -1;
	fd = bind_by_libmilter(spec, mode, errors);
	if (fd < 0)
		return -1;
	/* Else each answer with edits would wait 40 ms for a delayed ACK; what is accepted inherits it. */
	if (!path)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	else if (give_away(path, user, gid, errors) != 0)
		return -1;
	ours = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (ours < 0)
		error_add(errors, NULL, 0, "milter.listen: %s", strerror(errno));
	return ours;
}

struct milter_file milter_file_of(int listener)
{
	struct milter_file file = { 0 };
	socklen_t n = sizeof file.addr;
	struct stat st;

	if (getsockname(listener, (struct sockaddr *)&file.addr, &n) != 0 || file.addr.sun_family != AF_UNIX ||
	    lstat(file.addr.sun_path, &st) != 0)
		return (struct milter_file){ 0 };
	file.dev = st.st_dev;
	file.ino = st.st_ino;
	return file;
}

void milter_remove(const struct milter_file *file)
{
	struct stat st;

	if (file->addr.sun_path[0] != '\0' && lstat(file->addr.sun_path, &st) == 0 && st.st_dev == file->dev &&
	    st.st_ino == file->ino)
		(void)unlink(file->addr.sun_path);
}
