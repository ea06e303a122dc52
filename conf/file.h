/*
 * Files of the configuration, read whole.  For this folder alone.
 */
#ifndef MILLGATE_CONF_FILE_H
#define MILLGATE_CONF_FILE_H

#include <stddef.h>

#include "util/arena.h"

/* Larger than any list of addresses that people keep; a path of /dev/zero must not fill the memory. */
enum { CONF_FILE_MAX = 64 * 1024 * 1024 };

/* The text of a file, NUL-terminated, *n its length; a byte order mark at its start is left out.  NULL with *why set. */
char *conf_file_read(const char *path, struct arena *a, size_t *n, const char **why);

/* A path as written in `file`: taken from that file's folder unless it is absolute. */
char *conf_file_beside(const char *file, const char *path, struct arena *a);

#endif
