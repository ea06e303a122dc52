/*
 * The MTA's side of the milter protocol, version 6, as Postfix 3.7 speaks it: for tests and the benchmark.
 *
 * Events are queued (mta_mail() ...) and leave with mta_flush(); each answers whether the filter will reply to it, so
 * that a caller with many connections queues until one does, and waits for readiness itself.  What the filter
 * negotiated away is not sent, and what it promised not to answer is not waited for.  As Postfix does it, macros come
 * before every event, each field and body chunk included, also when they are empty, and before an event of the
 * envelope even when that is not wanted.
 */
#ifndef MILLGATE_T_LIB_MTA_H
#define MILLGATE_T_LIB_MTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The stages for which macros are sent, numbered as libmilter numbers them. */
enum mta_place { MTA_CONNECT, MTA_HELO, MTA_MAIL, MTA_RCPT, MTA_DATA, MTA_END, MTA_EOH, MTA_PLACES };

/* Replies and edits, by their byte in the protocol. */
enum mta_kind {
	MTA_ADD_RCPT = '+',
	MTA_DEL_RCPT = '-',
	MTA_ADD_RCPT_PAR = '2',
	MTA_ACCEPT = 'a',
	MTA_REPLACE_BODY = 'b',
	MTA_CONTINUE = 'c',
	MTA_DISCARD = 'd',
	MTA_CHANGE_FROM = 'e',
	MTA_ADD_HEADER = 'h',
	MTA_INSERT_HEADER = 'i',
	MTA_CHANGE_HEADER = 'm',
	MTA_PROGRESS = 'p',
	MTA_QUARANTINE = 'q',
	MTA_REJECT = 'r',
	MTA_SKIP = 's',
	MTA_TEMPFAIL = 't',
	MTA_REPLY = 'y',
	MTA_NEGOTIATED = 'O'
};

/* Bits of the negotiation that callers read (SMFIP_*). */
enum { MTA_STEP_HDR_LEADSPC = 0x100000 };

/* What Postfix 3.7 offers: everything. */
enum { MTA_VERSION = 6, MTA_ALL_ACTIONS = 0x1ff, MTA_ALL_STEPS = 0x1fffff };

struct mta_bytes {
	char *p;
	size_t n, room;
	size_t done; /* of what was queued: sent; of what was read: taken */
};

struct mta {
	int fd;
	struct mta_bytes out, in;
	uint32_t actions, steps;  /* negotiated */
	char *macros[MTA_PLACES]; /* the names sent at each stage, with spaces between */
	/* The value of a macro ("i", "{auth_authen}"), or NULL. */
	const char *(*value)(void *ctx, const char *name);
	void *ctx;
};

/* A packet from the filter; valid until the next mta_fill(). */
struct mta_packet {
	enum mta_kind kind;
	const char *p; /* its data; always followed by a NUL of ours */
	size_t n;
};

/* Connects to "unix:PATH" or "inet:PORT@ADDRESS" (numeric).  The descriptor, or -1 (errno).  nonblock: connecting may
 * still be under way. */
int mta_dial(const char *spec, bool nonblock);

void mta_init(struct mta *m, int fd, const char *(*value)(void *ctx, const char *name), void *ctx);
void mta_done(struct mta *m); /* closes */

/* ---- Events ---- */

enum mta_sent {
	MTA_SKIPPED = -1, /* negotiated away */
	MTA_SILENT,       /* queued; no reply will come */
	MTA_ANSWERED      /* queued; a reply will come */
};

enum mta_sent mta_negotiate(struct mta *m, uint32_t actions, uint32_t steps);
/* Takes the answer in: call it with the packet MTA_NEGOTIATED.  0, or -1 when it is none that fits. */
int mta_negotiated(struct mta *m, const struct mta_packet *p);

/* addr: IPv4 or IPv6 as text; NULL: not known. */
enum mta_sent mta_connect(struct mta *m, const char *host, const char *addr, uint16_t port);
enum mta_sent mta_helo(struct mta *m, const char *name);
/* NULL-terminated: the path, then parameters. */
enum mta_sent mta_mail(struct mta *m, const char *const *argv);
enum mta_sent mta_rcpt(struct mta *m, const char *const *argv);
enum mta_sent mta_data(struct mta *m);
enum mta_sent mta_unknown(struct mta *m, const char *command);
enum mta_sent mta_header(struct mta *m, const char *name, const char *value);
enum mta_sent mta_eoh(struct mta *m);
enum mta_sent mta_body(struct mta *m, const char *p, size_t n);
enum mta_sent mta_end(struct mta *m);
enum mta_sent mta_abort(struct mta *m);
enum mta_sent mta_quit(struct mta *m);

/* ---- Transport ---- */

/* 1: all is sent; 0: a non-blocking socket takes no more for now; -1: failed. */
int mta_flush(struct mta *m);
/* Reads what there is: 1; 0: nothing for now; -1: the filter has closed, or failed. */
int mta_fill(struct mta *m);
/* The next whole packet: 1; 0: none; -1: no packet that could be one. */
int mta_take(struct mta *m, struct mta_packet *p);
/* Flushes and waits for the next packet of a blocking connection.  0, or -1. */
int mta_wait(struct mta *m, struct mta_packet *p);

/* Whether this kind ends the replies to an event (else it is an edit, or progress). */
bool mta_is_final(enum mta_kind kind);

#endif
