/*
 * The kinds of settings: what each wants, how it is read, how it is called.  For this folder alone.
 */
#ifndef MILLGATE_CONF_VALUE_H
#define MILLGATE_CONF_VALUE_H

#include "conf/conf.h"

/*
 * Reads the value of a row whose kind is one of BOOL to ENUM and STRINGS into *field.  0, or -1 with an error added and
 * *field as it was.
 */
int conf_value_read(const struct conf_row *row, const struct conf_node *node, void *field, struct arena *a,
		    struct error_list *errors);

/* Puts the row's default into *field.  A default that its own kind refuses is a programmer's error. */
void conf_value_default(const struct conf_row *row, void *field);

/* "a group", "10", "\"text\"": what stands in the file, for an error's text.  Answers buf. */
enum { CONF_FOUND_SIZE = 80 };
const char *conf_value_found(const struct conf_node *node, char buf[CONF_FOUND_SIZE]);

/* "a, b or c" */
void conf_value_names(const struct name_value *table, struct sbuf *out);

#endif
