/*
 * Private to milter/: the front, its sessions, and what the files tell each other.
 */
#ifndef MILLGATE_MILTER_FRONT_H
#define MILLGATE_MILTER_FRONT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

#include <libmilter/mfapi.h>

#include "milter/limits.h"
#include "milter/milter.h"

/* The file of the listening socket, when that is a Unix socket. */
struct milter_file {
	struct sockaddr_un addr; /* sun_path: "": none */
	dev_t dev;
	ino_t ino;
};

struct milter_front {
	/* immutable after milter_open() */
	struct engine *engine;
	int listener; /* our own descriptor of libmilter's listening socket */
	struct milter_file file;
	struct smfiDesc callbacks;

	/* of the thread that waits for signals */
	void (*on_reload)(void *);
	void *reload_ctx;

	/* callbacks under way; none begins once it is shut */
	atomic_uint busy;
	atomic_bool shut;

	atomic_bool complained; /* of an MTA that offers less than the rules may need */

	/* under lock */
	pthread_mutex_t lock;
	struct milter_session *sessions;
	bool over;           /* drained, or libmilter gave up */
	bool failed;         /* the latter */
	pthread_cond_t ends; /* signalled when it is over */
};

/* A refusal that could not be given at its stage, or is just being given. */
struct milter_refusal {
	enum answer_kind kind; /* ANSWER_CONTINUE: none */
	enum stage since;
	struct reply reply;
	char text[MILTER_REPLY_TEXT];
};

enum { MILTER_SESSION_MAGIC = 0x6d67736e };

/* How far a session is.  libmilter lets some events through out of their turn (MAIL without CONNECT; RCPT behind an
 * unknown command): the engine must not see them. */
enum milter_phase { MILTER_NEGOTIATED, MILTER_CONNECTED, MILTER_IN_MAIL };

/* One connection of the MTA, in libmilter's private pointer.  Used by one thread at a time. */
struct milter_session {
	unsigned magic;
	struct milter_front *front;
	struct engine_session *engine;
	struct milter_session *prev, *next; /* under the front's lock */

	/* what was negotiated; immutable afterwards */
	unsigned long actions; /* SMFIF_*: what we may do at the end */
	unsigned replies;      /* 1 << stage: the MTA waits for an answer there (HEADERS: the end of the headers) */
	bool leading_space;    /* SMFIP_HDR_LEADSPC */
	bool headers, body;    /* the engine wants them (an old MTA may send them unwanted) */
	bool refused_rcpts;

	enum milter_phase phase;
	enum stage told; /* the last stage that the engine was told of */
	struct milter_refusal refusal;
};

/* ---- front.c ---- */

/* The one front of the process; NULL before milter_open(). */
struct milter_front *milter_the_front(void);

/* Begins a callback.  False when the front is shut: then nothing of ours may be touched any more. */
bool milter_enter(struct milter_front *f);
void milter_leave(struct milter_front *f);

/* Has milter_run() return, with what is said first. */
void milter_end(struct milter_front *f, bool failed);

/* A new session, on the front's list.  NULL when out of memory. */
struct milter_session *milter_session_new(struct milter_front *f);
/* Ends it, its transaction included.  Clears *s; tolerates NULL. */
void milter_session_free(struct milter_session **s);

/* ---- listen.c ---- */

/* Has libmilter bind; answers a descriptor of our own for the listening socket, or -1 with an error added. */
int milter_listen(const char *spec, mode_t mode, const char *user, const char *group, struct error_list *errors);

/* The file of that socket, and its removal, unless another process has put its own there. */
struct milter_file milter_file_of(int listener);
void milter_remove(const struct milter_file *file);

/* ---- negotiate.c, session.c: libmilter's callbacks ---- */

sfsistat milter_on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps, unsigned long f2,
			     unsigned long f3, unsigned long *want_actions, unsigned long *want_steps,
			     unsigned long *want_f2, unsigned long *want_f3);
sfsistat milter_on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *addr);
sfsistat milter_on_helo(SMFICTX *ctx, char *name);
sfsistat milter_on_mail(SMFICTX *ctx, char **argv);
sfsistat milter_on_rcpt(SMFICTX *ctx, char **argv);
sfsistat milter_on_data(SMFICTX *ctx);
sfsistat milter_on_unknown(SMFICTX *ctx, const char *command);
sfsistat milter_on_header(SMFICTX *ctx, char *name, char *value);
sfsistat milter_on_headers_end(SMFICTX *ctx);
sfsistat milter_on_body(SMFICTX *ctx, unsigned char *p, size_t n);
sfsistat milter_on_end(SMFICTX *ctx);
sfsistat milter_on_abort(SMFICTX *ctx);
sfsistat milter_on_close(SMFICTX *ctx);

/* The value of a macro; NULL also for "". */
const char *milter_macro(SMFICTX *ctx, const char *name);

/* ---- answer.c ---- */

/* Keeps a refusal until the next stage at which the MTA waits for an answer.  The first one counts. */
void milter_owe(struct milter_session *s, enum stage at, const struct answer *a);

/* Forgets what the last transaction still owed; a refusal since CONNECT or HELO stays, and holds for every message. */
void milter_settle(struct milter_session *s);

/* What to return at a stage before the end: its answer, or the refusal that is owed.  One that ends the transaction
 * ends it in the engine as well, since the MTA sends no abort after it. */
sfsistat milter_answer(SMFICTX *ctx, struct milter_session *s, enum stage at, const struct answer *a);

/* The end of the message: carries the verdict out, and tells the engine whether it could be. */
sfsistat milter_conclude(SMFICTX *ctx, struct milter_session *s, const char *queue_id);

/* ---- edit.c ---- */

/* The edits, in their order.  0, or -1 at the first one that fails. */
int milter_edit(SMFICTX *ctx, const struct milter_session *s, const struct edit *edits);

/* ---- stop.c ---- */

/* Blocks the signals that our sigwait() answers, in this thread and those it will create. */
void milter_block_signals(void);

#endif
