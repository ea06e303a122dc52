/*
 * The engine: drives checks, rules and finishers over a transaction, stage by stage.  The front ends (milter/, policyd/)
 * and control/ see this header, mail/ and lower; never rules/, checks/ or greylist/.
 *
 * A session belongs to one thread at a time; an engine is shared by all.
 */
#ifndef MILLGATE_ENGINE_ENGINE_H
#define MILLGATE_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/stage.h"
#include "mail/verdict.h"
#include "util/error.h"
#include "util/ip.h"
#include "util/sbuf.h"

struct engine;
struct engine_session;
struct net_wait;
struct engine_settings; /* engine/settings.h: the general sections */

/* ---- Loading ---- */

/*
 * Reads and compiles a configuration; nothing is started.  Errors and warnings are added; NULL when there is an error.
 * `millgate rules` stops here.
 */
struct engine *engine_load(const char *path, struct error_list *errors);

/*
 * Whether this machine has what the file's general settings name: users, groups, the password file.  Apart from
 * engine_load(), since rules may be looked at elsewhere; to be called besides it, also when it found errors.  What only a
 * daemon started as root needs is a warning to anybody else.  0, or -1 with errors added.
 */
int engine_check_machine(const char *path, struct error_list *errors);

/* Starts the event loop, Redis and DNS.  0, or -1 with errors added.  Call it after privileges were dropped. */
int engine_start(struct engine *e, struct error_list *errors);

/* Compiles the file again beside the running configuration and swaps it whole; sessions keep the one they began with.
 * 0, or -1 with errors added: then nothing has changed. */
int engine_reload(struct engine *e, struct error_list *errors);

/* From now on MAIL is answered 451.  Then waits until no transaction is open (parked ones aside) or the time is over, and
 * gives back what open and parked transactions hold.  Answers how many were left open. */
void engine_drain_begin(struct engine *e);
unsigned engine_drain_wait(struct engine *e, int64_t timeout_ms);

/* Stops the loop and frees; all sessions must be closed or abandoned.  Clears *e; tolerates NULL. */
void engine_free(struct engine **e);

/* The general settings of the configuration in force at engine_load() (listeners, user, group: they need a restart). */
const struct engine_settings *engine_settings(const struct engine *e);

struct net;
struct net *engine_net(struct engine *e);

/* `millgate rules`. */
void engine_print_rules(struct engine *e, bool json, struct sbuf *out);

/* For `millgate check`: who serves besides the milter, and who does what; nothing when it is the milter alone. */
void engine_print_front_ends(const struct engine *e, struct sbuf *out);

/* How the check of that name is doing, as a JSON object; false when there is none, or it is not configured. */
bool engine_print_check(struct engine *e, const char *name, struct sbuf *out);

/* What control/ answers to "status": a JSON object of counters. */
void engine_print_status(struct engine *e, struct sbuf *out);

/* ---- A session ---- */

/* What the MTA must send; worked out from what the loaded rules read. */
struct engine_needs {
	bool header, body;       /* events */
	bool refused_rcpts;      /* also recipients that the MTA refuses itself */
	bool reply[STAGE_COUNT]; /* an answer may be needed at this stage (HEADERS: the end of the headers) */
	bool edit_headers, edit_rcpts, quarantine; /* what a verdict may want */
	bool client_resolve, client_ptr, tls;      /* macros beyond those that are always read */
	bool server;                               /* the MTA's own address, too: other front ends ask of twins */
};

/* A new session, bound to the configuration in force.  NULL when out of memory. */
struct engine_session *engine_open(struct engine *e);
/*
 * A session of which no more than the envelope will be told (Postfix's policy protocol): a rule that reads more never
 * fires in it.  It is not counted among the client's connections.
 */
struct engine_session *engine_open_envelope(struct engine *e);
const struct engine_needs *engine_session_needs(const struct engine_session *s);

enum answer_kind { ANSWER_CONTINUE, ANSWER_REJECT, ANSWER_DEFER };
struct answer {
	enum answer_kind kind;
	struct reply reply; /* text lives until the next event of the session */
};

struct engine_connect {
	struct ip ip;        /* IP_NONE: local submission; with smtp, a client that nobody knows */
	const char *name;    /* the MTA's verified client name, or NULL */
	const char *ptr;     /* {client_ptr}, or NULL */
	const char *resolve; /* {client_resolve}: OK, FORGED, FAIL, TEMP; or NULL */
	bool smtp;           /* false: non_smtpd_milters */
	unsigned port;       /* the client's; 0: unknown */
	const char *server;  /* the MTA's own address in this session, "192.0.2.1"; NULL: unknown */
	unsigned server_port;
};

/* ---- What a front end needs that is asked about single recipients, and is not told how a transaction ends ---- */

/*
 * Whether another front end has this very transaction open, told by the client's address and port and the MTA's address
 * and port; where one of them is not known to both, by the others and the sender: that one decides, and nothing may be
 * counted twice.
 */
bool engine_has_twin(struct engine *e, const struct engine_connect *c, const char *sender_arg);

/* Nothing more may come for the open transaction: a drain does not wait for it, and gives back what it holds.  The next
 * event unparks it. */
void engine_park(struct engine_session *s);

/*
 * engine_rcpt() for who must not wait: true with the answer in *a.  False: it has asked what it has to know of this
 * recipient, as far as that can be said now, and not all is answered.  While engine_waits_for() names something it may be
 * tried again once that is answered; else engine_rcpt() has to be called, by who may wait.
 */
bool engine_rcpt_try(struct engine_session *s, const char *arg, struct answer *a);
/* What an engine_rcpt_try() in vain has to wait for; NULL: for more than answers to open questions, or with an eye on the
 * clock. */
struct net_wait *engine_waits_for(struct engine_session *s);

/* Commits what was asked so far: when nobody will tell whether the message was taken.  A transaction that ends like this
 * counts as accepted, if a recipient was. */
void engine_settle(struct engine_session *s);

/* The header fields that rules add who know all they need by now: EDIT_ADD_HEADER, EDIT_INSERT_HEADER.  All of them each
 * time, also those of an earlier answer.  May wait for what the rules read.  Valid until the next event. */
const struct edit *engine_early_headers(struct engine_session *s);
struct engine_mail {
	const char *arg;       /* "<alice@example.org>" */
	const char *auth_user; /* {auth_authen}; NULL or "": none */
	const char *tls;       /* {tls_version}; NULL or "": none */
	int64_t size;          /* SIZE=; 0: not announced */
	const char *queue_id;  /* {i}, or NULL */
};

/* Strings are copied.  Each event answers through *a (never left unset). */
void engine_connect(struct engine_session *s, const struct engine_connect *c, struct answer *a);
void engine_helo(struct engine_session *s, const char *name, struct answer *a);
void engine_mail(struct engine_session *s, const struct engine_mail *m, struct answer *a);
void engine_rcpt(struct engine_session *s, const char *arg, struct answer *a);
/* A recipient that the MTA refused by itself ({rcpt_mailer} = error). */
void engine_refused_rcpt(struct engine_session *s, const char *arg, const char *reply);
void engine_data(struct engine_session *s, const char *queue_id, struct answer *a);
/* ENVELOPE: the message's size, before engine_end(). */
void engine_size(struct engine_session *s, int64_t size);
void engine_header(struct engine_session *s, const char *name, const char *value, struct answer *a);
void engine_headers_end(struct engine_session *s, struct answer *a);
void engine_body(struct engine_session *s, const void *p, size_t n, struct answer *a);

/* End of message: the verdict, valid until engine_finish().  Never NULL.  ENVELOPE: at the last stage that the MTA asks
 * at; a refusal, where engine_data() gave none; the rest, as far as the protocol can say it. */
const struct verdict *engine_end(struct engine_session *s, const char *queue_id);

/* The verdict was carried out (true), or could not be (the front end answers 451): commits or cancels, writes the log
 * line and the journal, ends the transaction. */
void engine_finish(struct engine_session *s, bool carried_out);

/* The transaction ends without a verdict: RSET, a new MAIL, a lost connection.  Tolerates that none is open. */
void engine_abort(struct engine_session *s);

/* Ends the session (and aborts its transaction).  Clears *s; tolerates NULL. */
void engine_close(struct engine_session **s);

#endif
