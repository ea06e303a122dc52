/*
 * A session of the engine: one SMTP session with the transaction that is open in it, the snapshot that both began with,
 * and what has been asked, decided and noted so far.  Inside engine/ only.
 */
#ifndef MILLGATE_ENGINE_SESSION_H
#define MILLGATE_ENGINE_SESSION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"
#include "engine/snapshot.h"
#include "mail/finisher.h"
#include "mail/spool.h"
#include "mail/txn.h"
#include "mime/links.h"
#include "net/net.h"

/* An effect check that was asked, and must be committed or cancelled. */
struct ask {
	struct ask *next;
	unsigned check;
	struct rcpt *rcpt; /* NULL: the message's */
};

/* How a recipient, or the message, was decided; kept for the log and the journal. */
struct decision {
	enum verdict_kind kind;
	const struct rule *rule;          /* NULL: none, or not a rule's */
	const struct rule_action *action; /* NULL likewise */
	bool unavailable;
	const char *why; /* short, static or of the arena; NULL: the rule tells */
	struct reply reply;
};

/* One recipient's part of the bookkeeping, beside struct rcpt. */
struct rcpt_note {
	struct rcpt_note *next;
	struct rcpt *rcpt;
	struct decision decision;
	struct rules_outcome outcome; /* of the last evaluation */
	struct decision would;        /* before END, with `shadow` at the top: the refusal that was not given */
	int64_t tried_us;             /* clock_mono_us(): engine_rcpt_try() has not told it yet; 0: it is told */
	const char *fate;             /* what became of its mail at END: for the log; NULL: the decision tells */
};

struct engine_session {
	/* Kept when a session is used again, which is cheaper than making one. */
	struct engine *engine;
	struct arena *conn_arena, *txn_arena;
	struct net_wait *wait; /* NULL without a loop (tests) */
	struct net *net;       /* what `wait` is of */
	pthread_mutex_t lock;  /* held during an event; a drain takes it to give back what is left */

	/* From here on all is forgotten then. */
	unsigned magic;
	struct engine_session *spare; /* the next that is not in use; under the engine's lock */
	struct snapshot *snap;
	const struct snapshot_use *use; /* what is read in a session of this kind */

	bool dead; /* given back by a drain: every later event is deferred */
	/* under the engine's lock */
	struct engine_session *prev, *next;           /* of its list of open transactions */
	struct engine_session *twin_prev, *twin_next; /* twins.c: of those of the same bucket */
	bool parked;                                  /* a drain does not wait for it; written by the owner alone */

	struct conn *conn;
	struct txn *txn;                    /* NULL: none open */
	char conn_id[ID_SIZE];              /* of refusals before MAIL; "" until one is made */
	enum stage stage;                   /* reached by the session */
	bool envelope;                      /* told of the envelope alone: engine_open_envelope() */
	unsigned port, server_port;         /* the client's, the MTA's; 0: unknown */
	struct ip server;                   /* the MTA; IP_NONE: unknown */
	bool smtp, relay, counted;          /* counted: in the engine's connections per client */
	unsigned started_conn, started_txn; /* checks that were started, bits */
	struct decision early;              /* a refusal before MAIL, repeated until the client leaves */
	bool early_told;                    /* it is in the log */

	int64_t deadline_ms; /* of the event under way */
	int64_t started_us, waited_us;
	struct rules_memo *memo; /* of the transaction; NULL: none open */
	struct ask *asks;
	struct rcpt_note *notes, *notes_last;
	uint64_t split; /* `pending` of the first accepted recipient */
	bool any_accepted;
	bool must_wait; /* engine_rcpt_try() is in vain: what is missing has to be waited for */
	bool settled;   /* engine_settle(): nobody will tell how it ends */
	int64_t size;   /* of an envelope's message, as the MTA told it; -1: not told */
	unsigned refused_by_mta;
	size_t header_bytes;      /* kept */
	unsigned finishing;       /* the finishers at work, bits */
	struct spool *spool;      /* NULL: nobody needs the body */
	struct mime_links *links; /* NULL: nobody reads the text */
	bool listed;              /* among the open transactions of the engine */
	struct decision final;    /* of the transaction */
	struct decision would;    /* with `shadow` at the top: what it would have been */
	struct verdict verdict;
	const struct rules_hit *hits; /* all that fired in the transaction, each rule once */
	unsigned n_hits;
};

/* ---- engine/facts.c: values for the rules ---- */

struct facts_view {
	struct engine_session *s;
	struct rcpt *rcpt; /* NULL: none */
	enum stage stage;
	const struct rules_outcome *out; /* of the evaluation under way; NULL: none */
	bool no_wait;                    /* what would have to be waited for is unknown */
	bool no_ask;                     /* no effect check is asked */
	bool trying;                     /* nothing is waited for: what is not answered yet is unknown ... */
	bool blocked;                    /* ... and then this says so ... */
	bool hurried;                    /* ... or this, of patterns that there was no time for */
};
/* The source of values that rules are evaluated with; it points to *v. */
struct rules_source facts_source(struct facts_view *v);
const struct fact_value *facts_get(void *view, struct fact_ref ref, bool settled);

/* A call of check i; rcpt: NULL where it is not about one. */
void facts_make_call(struct engine_session *s, unsigned i, struct rcpt *rcpt, struct check_call *c);
/* Has it start, once. */
void facts_start_check(struct engine_session *s, unsigned i);

/* ---- engine/fields.c ---- */
void fields_fill(struct engine_session *s, enum fact_id id, struct fact_value *out);
/* All fields of the name that the rules know by this number. */
const struct fact_value *fields_named(struct engine_session *s, unsigned slot);
void fields_fill_time(struct fact_value *out, enum fact_id id);

/* ---- engine/tell.c: what the checks are told ---- */

/* Hands a piece of the body to the checks that read it. */
void tell_body(struct engine_session *s, const void *p, size_t n);
/* What the checks say for Authentication-Results. */
void tell_authres(struct engine_session *s, struct sbuf *out);
/* Tells the checks that count them of a recipient whom the MTA refused. */
void tell_refused(struct engine_session *s, const char *reply);
/* Starts the pure checks whose inputs are known from this stage on and whose facts are wanted.  Where the envelope comes
 * at once, MAIL starts those of the stages before, too. */
void tell_start(struct engine_session *s, enum stage stage);
/* Commits (or cancels) what was asked: for one recipient, or for all (rcpt NULL). */
void tell_settle(struct engine_session *s, const struct rcpt *rcpt, bool commit);
/* The transaction (or the session) ends: gives back what checks hold. */
void tell_drop_txn(struct engine_session *s);
void tell_drop_conn(struct engine_session *s);

/* ---- engine/decide.c: answers before END ---- */

/* Evaluates at a stage before RCPT; a refusal is in *d. */
void decide_session(struct engine_session *s, enum stage stage, struct decision *d);
/* Evaluates one recipient at `stage`; the outcome is kept in the note. */
void decide_rcpt(struct engine_session *s, enum stage stage, struct rcpt_note *note);
/* The same without waiting.  False: something is not known yet; the checks were asked what can be asked by now. */
bool decide_rcpt_try(struct engine_session *s, enum stage stage, struct rcpt_note *note);
/* Evaluates all accepted recipients at DATA or at the end of the headers: a refusal that holds for all is in *d. */
void decide_message(struct engine_session *s, enum stage stage, struct decision *d);

/* Evaluates all accepted recipients at the end of the message. */
void decide_end(struct engine_session *s);

/* Which rules that add to the message hold for the recipient by now: hits that are not doubtful. */
void decide_additions(struct engine_session *s, struct rcpt *rcpt, struct rules_outcome *out);

/* ---- engine/merge.c: the verdict at END ---- */
void merge_verdict(struct engine_session *s);

/* ---- engine/headers.c: header edits of a verdict ---- */
struct header_edits;
struct header_edits *headers_new(struct engine_session *s);
void headers_apply(struct header_edits *h, const struct rule_action *action, const char *value);
void headers_mark(struct header_edits *h, const char *text);
/* How many received fields would be changed or removed; and back to none. */
unsigned headers_changed(const struct header_edits *h);
void headers_forgo(struct header_edits *h);
/* Puts a field before all others (and before those inserted earlier). */
void headers_insert(struct header_edits *h, const char *name, const char *value);
/* All fields as they will leave.  0, or -1 when out of memory. */
int headers_final(struct header_edits *h, const struct finish_field **out, size_t *n);
void headers_add(struct header_edits *h, const char *name, const char *value);
/* Removes forged marks of ours, and forged Authentication-Results. */
void headers_clean(struct header_edits *h);
/* Appends the edits to the verdict, in an order that keeps the indexes right. */
void headers_emit(struct header_edits *h, struct edit ***tail);

/* ---- engine/view.c: what rules and checks read of a message's text ---- */

/* At the end of the headers: whether the text will be read. */
void view_begin(struct engine_session *s);
void view_body(struct engine_session *s, const void *p, size_t n);
/* At END: sets the facts. */
void view_end(struct engine_session *s);

/* ---- engine/finish.c ---- */

/* At the end of the headers (of an envelope: at its end): which finishers will work on the message. */
void finish_begin(struct engine_session *s);
void finish_body(struct engine_session *s, const void *p, size_t n);
/* At END, for a message that leaves.  NULL, or the name of the finisher that could not do its work. */
const char *finish_message(struct engine_session *s, struct header_edits *h);
/* A settled transaction, taken as accepted, ends: the finishers that work on envelopes do. */
void finish_settled(struct engine_session *s);
void finish_drop(struct engine_session *s);

/* ---- engine/reply.c ---- */

/* Fills the reply of a decision that refuses. */
void reply_make(struct engine_session *s, struct rcpt *rcpt, struct decision *d);
void reply_plain(struct engine_session *s, struct decision *d, enum verdict_kind kind, int code, const char *enhanced,
		 const char *text);
/* A rule's text with %{...} replaced; of the transaction's arena (or the session's).  "" when out of memory.  wait: for
 * what it names; else what is not known yet is left out. */
const char *reply_expand(struct engine_session *s, struct rcpt *rcpt, const char *text, bool wait);
struct arena *session_arena(struct engine_session *s);
const char *session_id(struct engine_session *s);

/* ---- engine/record.c: the log line and the journal ---- */
void record_transaction(struct engine_session *s);
/* A refusal before MAIL. */
void record_session(struct engine_session *s, const struct decision *d, enum stage stage);

/* ---- engine/engine.c: what sessions need of their engine ---- */

/* Adds the session to the open transactions; false when the engine is draining. */
bool engine_txn_begin(struct engine_session *s);
void engine_txn_end(struct engine_session *s);
void engine_txn_park(struct engine_session *s, bool parked);
/* Counts a verdict. */
void engine_count(struct engine *e, enum verdict_kind kind);
struct connections *engine_connections(struct engine *e);
struct snapshot *engine_snapshot(struct engine *e);
/* The configuration in force, and a session to use again, or NULL. */
struct snapshot *engine_take(struct engine *e, struct engine_session **spare);
/* Keeps a session for that; false: enough are kept. */
bool engine_keep(struct engine_session *s);

/* Frees a session that holds nothing any more.  Clears *s. */
void session_free(struct engine_session **s);

/* Gives back what an open transaction holds, unless an event is under way in it.  For a drain. */
bool session_give_back(struct engine_session *s);

/* ---- engine/twins.c: the open transactions that milter sessions have, by client; under the engine's lock ---- */
struct twins;
struct twins *twins_new(void);
void twins_free(struct twins **t);
void twins_add(struct twins *t, struct engine_session *s);
void twins_remove(struct twins *t, struct engine_session *s);
bool twins_find(const struct twins *t, const struct engine_connect *c, const char *sender_arg);

/* ---- engine/connections.c ---- */
struct connections;
struct connections *connections_new(void);
void connections_free(struct connections **c);
/* One more session of this client; answers how many there are now. */
unsigned connections_enter(struct connections *c, const struct ip *ip);
void connections_leave(struct connections *c, const struct ip *ip);

#endif
