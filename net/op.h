/*
 * Questions in flight and those who wait for them.  Only net/ includes this.
 *
 * A net_op has two owners, the submitter and the loop; the last to let go frees it.  The answer is written by the loop
 * before the op is finished and never touched again, so the submitter reads it without a lock.
 */
#ifndef MILLGATE_NET_OP_H
#define MILLGATE_NET_OP_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>

#include "net/dns.h"
#include "net/loop.h"
#include "net/redis.h"

enum op_kind { OP_DNS, OP_REDIS };

struct net_op {
	struct net_task task; /* first: a task is cast back to its op */

	/* immutable once submitted */
	struct net_wait *wait; /* NULL: nobody waits */
	enum op_kind kind;

	/* under wait->lock */
	bool awaited;

	/* shared */
	atomic_uint refs;
	atomic_bool done; /* release when set, acquire when read */

	/* owned by the loop thread */
	struct net_op *prev, *next;
	int64_t deadline_ms;
	bool given_up; /* by a submitter on the loop thread */

	/* the answer: written by the loop, read-only once done */
	union {
		struct dns_answer dns;
		struct redis_value redis;
	} answer;
	void *extra; /* what did not fit into room[] */

	/* of the kind */
	union {
		struct {
			struct dns *owner;
			uint16_t type;
		} dns;
		struct {
			const char *script; /* its text; NULL: a plain command */
			uint32_t family;    /* a number that commands of one name, or script, share */
			size_t words;       /* of a script's command */
			size_t tail;        /* where in room[] numkeys stands, for EVAL */
			size_t command_n;   /* bytes of the command in room[] */
		} redis;
	};

	/* The question's text; once it has been put, the answer takes its place where it fits. */
	size_t room_n;
	alignas(max_align_t) char room[];
};

/* A doubly linked list of ops, oldest first. */
struct op_list {
	struct net_op *first, *last;
	size_t n;
};
void op_list_add(struct op_list *l, struct net_op *op);
void op_list_remove(struct op_list *l, struct net_op *op);

/* A new op with two owners (one when w is not to learn of it: `told`).  NULL when out of memory. */
struct net_op *op_new(struct net_wait *w, enum op_kind kind, size_t room_n, bool told);
/* Puts it in the net_wait's batch. */
void op_submit(struct net_wait *w, struct net_op *op, void (*run)(struct net *n, struct net_task *t));
/* Instead of op_submit(): the answer is there already. */
void op_answered(struct net_op *op);

/* The answer is written: tells the waiter.  Loop thread; the loop's share remains. */
void op_finish(struct net *n, struct net_op *op);
/* Lets go of one share. */
void op_unref(struct net_op *op);

/* n bytes for the answer: in room[], else on the heap (freed with the op); NULL when out of memory. */
void *op_answer_room(struct net_op *op, size_t n);

struct net *wait_net(const struct net_wait *w);

/* Wakes those whose answers have all come; at the end of each round.  Loop thread. */
void wait_wake_all(struct net_loop *l);

/* Who is told once nothing is open any more; the caller's until run() is called. */
struct wait_then {
	struct wait_then *next;
	void (*run)(void *arg);
	void *arg;
};

/*
 * Has t->run() called at the end of the round in which the last question submitted with w is answered, of which one is
 * open and all have been sent.  That comes without fail, and once.  Loop thread.
 */
void wait_then(struct net_wait *w, struct wait_then *t);

#endif
