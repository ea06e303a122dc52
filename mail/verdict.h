/*
 * A verdict is data: what to answer, and the edits to carry out.  Evaluating executes nothing; the front end carries
 * the verdict out.
 */
#ifndef MILLGATE_MAIL_VERDICT_H
#define MILLGATE_MAIL_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

enum verdict_kind {
	VERDICT_NONE, /* not decided yet */
	VERDICT_ACCEPT,
	VERDICT_REJECT, /* 5yz */
	VERDICT_DEFER,  /* 4yz */
	VERDICT_DISCARD,
	VERDICT_QUARANTINE
};
const char *verdict_name(enum verdict_kind k); /* "accept", "reject", "defer", "delete", "quarantine", "none" */

/* An SMTP reply (RFC 5321, section 4.2; enhanced codes: RFC 3463). */
struct reply {
	int code;          /* 0: no reply of our own */
	char enhanced[12]; /* "4.7.1" */
	const char *text;  /* printable ASCII, transaction id included */
	bool close;        /* 421: the session ends */
};

enum edit_kind {
	EDIT_ADD_HEADER,    /* name, value; at the end */
	EDIT_INSERT_HEADER, /* name, value; at index */
	EDIT_CHANGE_HEADER, /* name, value, index (1-based per name); value NULL: remove */
	EDIT_ADD_RCPT,      /* value: the address; quiet: no bounce may tell of it (NOTIFY=NEVER) */
	EDIT_DEL_RCPT       /* value: the RCPT argument exactly as it came */
};
struct edit {
	struct edit *next;
	enum edit_kind kind;
	const char *name;
	const char *value;
	int index;
	bool quiet;
};

struct verdict {
	enum verdict_kind kind;
	struct reply reply; /* REJECT, DEFER */
	const char *reason; /* QUARANTINE: for Postfix's hold log; ASCII */
	struct edit *edits; /* in the order of execution; for ACCEPT and QUARANTINE */
};

#endif
