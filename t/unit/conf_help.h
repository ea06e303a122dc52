/*
 * What the tests of conf/ share: a temporary folder, files in it, and a list of errors as one text.
 */
#ifndef MILLGATE_T_UNIT_CONF_HELP_H
#define MILLGATE_T_UNIT_CONF_HELP_H

#include "util/arena.h"
#include "util/error.h"

/* Makes the folder, and makes it the current one; it and what is in it is removed at exit. */
void help_folder(void);

/* Writes n bytes, or all of text, to a file; folders on its path are made. */
void help_file(const char *path, const char *text);
void help_bytes(const char *path, const void *bytes, size_t n);

/* The sorted errors, "FILE:LINE: TEXT\n" each (no ":LINE" for 0), in the arena. */
const char *help_errors(struct error_list *l, struct arena *a);

#endif
