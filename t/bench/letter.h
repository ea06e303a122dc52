/*
 * A message as millload sends it: the envelope, the fields of the header, the body.
 */
#ifndef MILLGATE_T_BENCH_LETTER_H
#define MILLGATE_T_BENCH_LETTER_H

#include <stdbool.h>
#include <stddef.h>

struct letter_field {
	const char *name, *value; /* with its leading space, lines parted by LF */
};

struct letter {
	/* NULL: the load's own */
	const char *client; /* address */
	const char *host;   /* the client's name */
	const char *helo, *mail, *rcpt, *login;
	const struct letter_field *fields;
	size_t n_fields;
	const char *body; /* lines end in CRLF */
	size_t body_n;

	/* what of it is to be freed */
	char *text, *own_body;
	struct letter_field *own_fields;
};

/* An ordinary one, with a body of so many bytes. */
void letter_default(struct letter *l, size_t body_n);

/*
 * Reads a file: a message whose lines end in LF; `addressed`: before it, up to an empty line, words of the envelope,
 * one a line: "client ADDRESS NAME", "helo NAME", "mail <PATH>", "rcpt <PATH>", "login NAME".  A line of the header
 * that is no field begins the body, as Postfix has it.  0, or -1 (errno).
 */
int letter_read(struct letter *l, const char *path, bool addressed);

void letter_free(struct letter *l);

#endif
