/*
 * A listening socket from its setting: Unix or TCP.  Only net/ includes this.
 */
#ifndef MILLGATE_NET_LISTENER_H
#define MILLGATE_NET_LISTENER_H

#include <sys/types.h>

#include "util/error.h"

struct listener {
	int fd;
	char *path; /* Unix: the socket's file; else NULL */
	dev_t dev;  /* which file it was */
	ino_t ino;
};

/*
 * Listens on "unix:/path" (with these permissions and group; NULL: as it comes), "inet:PORT@ADDRESS" or
 * "inet6:PORT@ADDRESS".  A socket file that nobody listens on any more is replaced.  0, or -1 with an error added.
 */
int listener_open(struct listener *l, const char *where, mode_t mode, const char *group, struct error_list *errors);

/* Gives the file of a Unix socket to another user.  0, or -1 with an error added. */
int listener_give(struct listener *l, uid_t owner, struct error_list *errors);

/* Closes it, and removes the Unix socket unless another process has put its own there. */
void listener_close(struct listener *l);

#endif
