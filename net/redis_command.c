#include <stdlib.h>
#include <string.h>

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include "net/limits.h"
#include "net/redis_conn.h"
#include "net/redis_reply.h"
#include "net/resp.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/sbuf.h"

/* ---- Answers ---- */

static void take_out(struct redis *r, struct net_op *op)
{
	op_list_remove(&r->open, op);
	r->open_bytes -= op->redis.command_n;
}

static void answer_none(struct net *n, struct net_op *op, const char *why)
{
	redis_reply_none(op, why);
	net_count(&n->stats.redis_failures);
	op_finish(n, op);
	op_unref(op);
}

void redis_answer_all(struct redis *r, const char *why)
{
	while (r->open.first != NULL) {
		struct net_op *op = r->open.first;

		take_out(r, op);
		answer_none(r->net, op, why);
	}
}

static void send_command(struct redis *r, struct net_op *op, const char *command, size_t n);

/* EVAL with the script's text, and the rest of the command as it was.  0, or -1 when out of memory. */
static int send_script(struct redis *r, struct net_op *op)
{
	const char *text = op->redis.script;
	const struct redis_word head[] = { { "EVAL", sizeof("EVAL") - 1 }, { text, strlen(text) } };
	const size_t n_head = sizeof(head) / sizeof(head[0]);
	size_t rest = op->redis.command_n - op->redis.tail;
	char *command = malloc(resp_head_size(op->redis.words) + resp_words_size(head, n_head) + rest), *p;

	if (command == NULL)
		return -1;
	p = resp_head(command, op->redis.words);
	p = resp_words(p, head, n_head);
	memcpy(p, op->room + op->redis.tail, rest);
	op->redis.script = NULL; /* once */
	/* Last in the line, with a new time-out, so that the list stays in the order of deadlines. */
	op_list_remove(&r->open, op);
	op->deadline_ms = clock_mono_ms() + r->timeout_ms;
	op_list_add(&r->open, op);
	send_command(r, op, command, (size_t)(p - command) + rest);
	free(command);
	return 0;
}

static bool is_noscript(const redisReply *reply)
{
	static const char noscript[] = "NOSCRIPT";

	return reply->type == REDIS_REPLY_ERROR && (size_t)reply->len >= sizeof(noscript) - 1 &&
	       memcmp(reply->str, noscript, sizeof(noscript) - 1) == 0;
}

/* ---- Error replies ----
 *
 * Most mean that Redis takes part no longer: out of memory, read-only, no permission.  As with `away`, the log is told
 * when that begins and when it ends.  Other commands may well succeed meanwhile (those that only read), so only success
 * of one that failed is a recovery.
 */

static void note_error(struct redis *r, const struct net_op *op)
{
	const struct redis_value *v = &op->answer.redis;
	char why[REDIS_REASON_SIZE];
	struct sbuf b;

	net_count(&r->net->stats.redis_errors);
	r->errors++;
	r->error_ms = clock_mono_ms();
	r->error_family = op->redis.family;
	if (atomic_exchange(&r->failing, true))
		return;
	sbuf_fixed(&b, why, sizeof(why));
	sbuf_add_safe(&b, v->str, v->str_n);
	log_error("Redis at %s answers with errors (%s): checks that need it go by on_error until it does not",
		  r->server.name, why);
}

static void note_success(struct redis *r, const struct net_op *op)
{
	if (!redis_is_failing(r) || op->redis.family != r->error_family ||
	    clock_mono_ms() - r->error_ms < REDIS_ERROR_CALM_MS)
		return;
	log_info("Redis at %s answers without errors again, after %llu", r->server.name, (unsigned long long)r->errors);
	r->errors = 0;
	atomic_store(&r->failing, false);
}

static void note_answer(struct redis *r, const struct net_op *op)
{
	enum redis_kind kind = op->answer.redis.kind;

	if (kind == REDIS_UNAVAILABLE || kind == REDIS_ERROR)
		net_count(&r->net->stats.redis_failures);
	if (kind == REDIS_ERROR)
		note_error(r, op);
	else if (kind != REDIS_UNAVAILABLE)
		note_success(r, op);
}

static void replied(redisAsyncContext *ac, void *reply, void *arg)
{
	struct redis *r = ac->data;
	struct net_op *op = arg;

	r->replies++;
	if (reply == NULL) { /* the connection is being freed; ac->err may well be 0 */
		take_out(r, op);
		answer_none(r->net, op, r->lost_why);
		return;
	}
	if (op->redis.script != NULL && is_noscript(reply) && send_script(r, op) == 0)
		return;
	take_out(r, op);
	redis_reply_copy(op, reply);
	note_answer(r, op);
	op_finish(r->net, op);
	op_unref(op);
}

/* ---- Commands ---- */

static void send_command(struct redis *r, struct net_op *op, const char *command, size_t n)
{
	if (redisAsyncFormattedCommand(r->ac, replied, op, command, n) == REDIS_OK)
		return;
	take_out(r, op); /* hiredis refuses: it is disconnecting, or out of memory */
	answer_none(r->net, op, "connection lost");
}

static void set_command_timer(struct redis *r, int64_t now_ms)
{
	int64_t left;

	if (r->command_timer_set || r->open.first == NULL)
		return;
	left = r->open.first->deadline_ms - now_ms;
	r->command_timer_set = net_timer_add(r->command_timer, left > 0 ? left : 0) == 0;
}

void redis_start_command(struct net *n, struct net_task *t)
{
	struct net_op *op = (struct net_op *)t;
	struct redis *r = n->redis;

	net_count(&n->stats.redis_commands);
	if (n->closing) {
		answer_none(n, op, "stopping");
		return;
	}
	if (redis_is_away(r)) {
		answer_none(n, op, "Redis is away");
		return;
	}
	if (r->open.n >= REDIS_MAX_OPEN || r->open_bytes + op->redis.command_n > REDIS_MAX_OPEN_BYTES) {
		answer_none(n, op, "too many open commands");
		return;
	}
	op->deadline_ms = n->loop->now_ms + r->timeout_ms;
	op_list_add(&r->open, op);
	r->open_bytes += op->redis.command_n;
	set_command_timer(r, n->loop->now_ms);
	if (r->state == STATE_UP)
		send_command(r, op, op->room, op->redis.command_n);
}

void redis_send_held(struct redis *r)
{
	struct net_op *op = r->open.first;

	while (op != NULL) {
		struct net_op *next = op->next;

		send_command(r, op, op->room, op->redis.command_n);
		op = next;
	}
}

/* ---- Commands that get no answer in time ---- */

static bool oldest_expired(const struct redis *r, int64_t now_ms)
{
	return r->open.first != NULL && r->open.first->deadline_ms <= now_ms;
}

/* When it was the loop that stood still, the answers are waiting to be read. */
static void read_late_answers(struct redis *r, int64_t now_ms)
{
	uint64_t before;

	do {
		before = r->replies;
		redisAsyncHandleRead(r->ac);
	} while (r->ac != NULL && r->replies != before && oldest_expired(r, now_ms));
}

static void answer_expired_held(struct redis *r, int64_t now_ms)
{
	while (oldest_expired(r, now_ms)) {
		struct net_op *op = r->open.first;

		net_count(&r->net->stats.redis_timeouts);
		take_out(r, op);
		answer_none(r->net, op, "timeout");
	}
}

static void count_expired(struct redis *r, int64_t now_ms)
{
	for (const struct net_op *op = r->open.first; op != NULL && op->deadline_ms <= now_ms; op = op->next)
		net_count(&r->net->stats.redis_timeouts);
}

void redis_command_timer(evutil_socket_t fd, short what, void *arg)
{
	struct redis *r = arg;
	int64_t now_ms = clock_mono_ms();

	(void)fd;
	(void)what;
	r->command_timer_set = false;
	if (r->state == STATE_UP && oldest_expired(r, now_ms))
		read_late_answers(r, now_ms);
	if (r->state != STATE_UP) {
		answer_expired_held(r, now_ms);
	} else if (oldest_expired(r, now_ms)) {
		count_expired(r, now_ms);
		redis_stalled(r);
	}
	set_command_timer(r, now_ms);
}
