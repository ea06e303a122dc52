#include "net/dns.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <unbound-event.h>
#include <unbound.h>

#include "net/dns_ask.h"
#include "net/dns_context.h"
#include "net/dns_name.h"
#include "net/dns_packet.h"
#include "net/limits.h"
#include "net/op.h"
#include "util/clock.h"

/* Owned by the loop thread once it runs. */
struct dns {
	struct net *net;
	struct ub_ctx *ub;
	struct event *timer; /* for the oldest open question: all have the same time-out */
	int64_t timeout_ms;
	bool timer_set;
	struct op_list open;      /* not answered yet */
	struct op_list lingering; /* timed out, but libunbound still works on them and will call back */
};

static const struct dns_answer not_awaited = { .status = DNS_FAILED, .why = "no answer yet" };

/* ---- Any thread: submitting and reading ---- */

static void start_question(struct net *n, struct net_task *t);

struct net_op *dns_ask(struct net_wait *w, const char *name, enum dns_type type)
{
	char escaped[DNS_ESCAPED_SIZE];
	size_t n = dns_name_escape(name, escaped);
	struct net_op *op = op_new(w, OP_DNS, n + 1, false);

	if (op == NULL)
		return NULL;
	op->dns.type = (uint16_t)type;
	if (n == 0) {
		op->answer.dns = (struct dns_answer){ .status = DNS_NXDOMAIN };
		op_answered(op);
		return op;
	}
	memcpy(op->room, escaped, n + 1);
	op_submit(w, op, start_question);
	return op;
}

const struct dns_answer *dns_result(const struct net_op *op)
{
	if (op == NULL || !net_op_done(op))
		return &not_awaited;
	assert(op->kind == OP_DNS);
	return &op->answer.dns;
}

/* ---- The loop thread: asking ---- */

static void answer_failed(struct net *n, struct net_op *op, const char *why)
{
	op->answer.dns = (struct dns_answer){ .status = DNS_FAILED, .why = why };
	net_count(&n->stats.dns_failures);
	op_finish(n, op);
}

static void refuse(struct net *n, struct net_op *op, const char *why)
{
	answer_failed(n, op, why);
	op_unref(op);
}

static void *answer_room(void *ctx, size_t n)
{
	return op_answer_room(ctx, n);
}

/* libunbound has an answer.  It comes from within ub_resolve_event() when the answer was in its cache. */
static void resolved(void *arg, int rc, void *packet, int n, int sec, char *why_bogus, int ratelimited)
{
	struct net_op *op = arg;
	struct dns *d = op->dns.owner;
	struct dns_answer *a = &op->answer.dns;

	(void)sec;
	(void)why_bogus;
	(void)ratelimited;
	if (net_op_done(op)) { /* too late */
		op_list_remove(&d->lingering, op);
		op_unref(op);
		return;
	}
	op_list_remove(&d->open, op);
	if (rc != 0) /* the packet is junk then */
		*a = (struct dns_answer){ .status = DNS_FAILED, .why = "SERVFAIL" };
	else
		dns_packet_read(packet, n > 0 ? (size_t)n : 0, op->dns.type, answer_room, op, a);
	if (a->status == DNS_FAILED)
		net_count(&d->net->stats.dns_failures);
	op_finish(d->net, op);
	op_unref(op);
}

static void set_timer(struct dns *d, int64_t now_ms)
{
	int64_t left;

	if (d->timer_set || d->open.first == NULL)
		return;
	left = d->open.first->deadline_ms - now_ms;
	d->timer_set = net_timer_add(d->timer, left > 0 ? left : 0) == 0;
}

static void start_question(struct net *n, struct net_task *t)
{
	enum { CLASS_IN = 1 };
	struct net_op *op = (struct net_op *)t;
	struct dns *d = n->dns;
	int rc;

	net_count(&n->stats.dns_questions);
	if (n->closing) {
		refuse(n, op, "stopping");
		return;
	}
	if (d->open.n + d->lingering.n >= DNS_MAX_OPEN) {
		refuse(n, op, "too many open questions");
		return;
	}
	op->dns.owner = d;
	op->deadline_ms = n->loop->now_ms + d->timeout_ms;
	op_list_add(&d->open, op);
	rc = ub_resolve_event(d->ub, op->room, op->dns.type, CLASS_IN, op, resolved, NULL);
	if (rc != 0) { /* it has not called back, and will not */
		op_list_remove(&d->open, op);
		refuse(n, op, ub_strerror(rc));
		return;
	}
	set_timer(d, n->loop->now_ms);
}

/* libunbound takes many seconds over a dead server, so each question has our own time-out. */
static void timer_fired(evutil_socket_t fd, short what, void *arg)
{
	struct dns *d = arg;
	int64_t now_ms = clock_mono_ms();

	(void)fd;
	(void)what;
	d->timer_set = false;
	while (d->open.first != NULL && d->open.first->deadline_ms <= now_ms) {
		struct net_op *op = d->open.first;

		op_list_remove(&d->open, op);
		op_list_add(&d->lingering, op);
		net_count(&d->net->stats.dns_timeouts);
		answer_failed(d->net, op, "timeout");
	}
	set_timer(d, now_ms);
}

/* ---- Starting and stopping ---- */

struct dns *dns_new(struct net *n, const struct net_dns_options *o, struct error_list *errors)
{
	struct dns *d = calloc(1, sizeof(*d));

	if (d == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return NULL;
	}
	d->net = n;
	d->timeout_ms = o->timeout_ms;
	d->timer = evtimer_new(n->loop->base, timer_fired, d);
	if (d->timer == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		goto fail;
	}
	d->ub = dns_context_new(n->loop->base, o, errors);
	if (d->ub == NULL)
		goto fail;
	return d;
fail:
	dns_free(&d);
	return NULL;
}

void dns_close(struct dns *d)
{
	while (d->open.first != NULL) {
		struct net_op *op = d->open.first;

		op_list_remove(&d->open, op);
		op_list_add(&d->lingering, op); /* until libunbound is gone */
		answer_failed(d->net, op, "stopping");
	}
}

void dns_free(struct dns **d)
{
	if (*d == NULL)
		return;
	if ((*d)->ub != NULL)
		ub_ctx_delete((*d)->ub);
	while ((*d)->lingering.first != NULL) {
		struct net_op *op = (*d)->lingering.first;

		op_list_remove(&(*d)->lingering, op);
		op_unref(op);
	}
	if ((*d)->timer != NULL)
		event_free((*d)->timer);
	free(*d);
	*d = NULL;
}
