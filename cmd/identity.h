/*
 * Who the daemon is: the user and group that it becomes when it was started as root.  Used before the first thread starts.
 */
#ifndef MILLGATE_CMD_IDENTITY_H
#define MILLGATE_CMD_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

#include "util/error.h"

struct identity {
	bool drop; /* false: not started as root, so it stays who it is */
	const char *user;
	uid_t uid;
	gid_t gid;
};

/*
 * Looks both names up, when started as root.  `user` must live as long as *id.  0, or -1 with an error added.
 */
int identity_find(const char *user, const char *group, struct identity *id, struct error_list *errors);

/*
 * Makes the last directory of a "unix:PATH" socket, when started as root and it is missing, and gives it to the identity;
 * other forms of `listen` (and NULL) are fine as they are.  0, or -1 with an error added.
 */
int identity_make_directory(const struct identity *id, const char *listen, struct error_list *errors);

/*
 * Becomes the identity for good: supplementary groups, group, user, no new privileges; and makes sure that there is no
 * way back.  0, or -1 with an error added: then the process must end.
 */
int identity_assume(const struct identity *id, struct error_list *errors);

#endif
