/*
 * Files of private keys: read with distrust.  Inside checks/ only.
 */
#ifndef MILLGATE_CHECKS_DKIM_KEYFILE_H
#define MILLGATE_CHECKS_DKIM_KEYFILE_H

#include "checks/dkim_key.h"
#include "mail/check.h"
#include "util/error.h"

/* A place in the configuration, for errors. */
struct dk_place {
	const char *file;
	int line;
};

/*
 * Reads a key and looks at who else could: an error when others may read or change it, when nobody of those who should
 * own it does, or when it is too weak; a warning when the daemon could not read it again at a reload.  NULL with errors
 * added.
 */
struct dk_key *dk_keyfile_read(const char *path, const struct check_env *env, const struct dk_place *where,
			       struct error_list *errors);

/* The same without any judgement, for commands.  NULL with an error added. */
struct dk_key *dk_keyfile_open(const char *path, struct error_list *errors);

#endif
