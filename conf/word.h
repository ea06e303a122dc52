/*
 * What a bare word of a configuration file is.  For this folder alone.
 */
#ifndef MILLGATE_CONF_WORD_H
#define MILLGATE_CONF_WORD_H

#include <stdbool.h>
#include <stddef.h>

enum word_kind {
	WORD_BOOL,
	WORD_INT,      /* fits in 64 bits */
	WORD_WIDE,     /* the same, needs an L for libconfig, and has none */
	WORD_TOO_WIDE, /* an integer over 64 bits */
	WORD_FLOAT,
	WORD_YES, /* yes, on */
	WORD_NO,  /* no, off */
	WORD_TEXT /* anything else: it lacks quotes */
};

enum word_kind conf_word_kind(const char *p, size_t n);

/* May it be the name of a setting? */
bool conf_word_is_name(const char *p, size_t n);

#endif
