#include "cmd/identity.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SOCKET_DIRECTORY_MODE = 0755 };

int identity_find(const char *user, const char *group, struct identity *id, struct error_list *errors)
{
	const struct passwd *pw;
	const struct group *gr;

	*id = (struct identity){ .drop = geteuid() == 0, .user = user };
	if (!id->drop)
		return 0;
	pw = getpwnam(user);
	if (pw == NULL) {
		error_add(
			errors, NULL, 0,
			"there is no user \"%s\": create it (adduser --system --group --no-create-home %s), or set `user`",
			user, user);
		return -1;
	}
	id->uid = pw->pw_uid;
	gr = getgrnam(group);
	if (gr == NULL) {
		error_add(errors, NULL, 0, "there is no group \"%s\": create it (addgroup --system %s), or set `group`",
			  group, group);
		return -1;
	}
	id->gid = gr->gr_gid;
	return 0;
}

int identity_make_directory(const struct identity *id, const char *listen, struct error_list *errors)
{
	static const char prefix[] = "unix:";
	char path[PATH_MAX];
	char *slash;

	if (!id->drop || listen == NULL || strncmp(listen, prefix, sizeof prefix - 1) != 0)
		return 0;
	if (snprintf(path, sizeof path, "%s", listen + sizeof prefix - 1) >= (int)sizeof path)
		return 0; /* whoever binds it complains */
	slash = strrchr(path, '/');
	if (slash == NULL || slash == path)
		return 0;
	*slash = '\0';
	if (mkdir(path, SOCKET_DIRECTORY_MODE) != 0) {
		/* One that is there belongs to somebody; a missing parent shows when the socket is bound. */
		if (errno == EEXIST || errno == ENOENT)
			return 0;
		error_add(errors, NULL, 0, "cannot make the directory %s: %s", path, strerror(errno));
		return -1;
	}
	if (lchown(path, id->uid, id->gid) != 0) {
		error_add(errors, NULL, 0, "cannot give the directory %s to %s: %s", path, id->user, strerror(errno));
		return -1;
	}
	return 0;
}

static int refuse(const char *what, struct error_list *errors)
{
	error_add(errors, NULL, 0, "cannot drop privileges: %s: %s", what, strerror(errno));
	return -1;
}

int identity_assume(const struct identity *id, struct error_list *errors)
{
	if (!id->drop)
		return 0;
	if (initgroups(id->user, id->gid) != 0)
		return refuse("initgroups", errors);
	if (setresgid(id->gid, id->gid, id->gid) != 0)
		return refuse("setresgid", errors);
	if (setresuid(id->uid, id->uid, id->uid) != 0)
		return refuse("setresuid", errors);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return refuse("no_new_privs", errors);
	/* Only `user = "root"` asks to stay root. */
	if (id->uid != 0 && (setuid(0) == 0 || seteuid(0) == 0 || getuid() != id->uid || geteuid() != id->uid)) {
		error_add(errors, NULL, 0, "privileges were dropped, but root can be regained");
		return -1;
	}
	return 0;
}
