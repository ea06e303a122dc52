/*
 * Sessions, transactions, recipients and header fields.
 */
#include <stdio.h>
#include <string.h>

#include "mail/txn.h"
#include "t/lib/tap.h"
#include "util/clock.h"

static void test_making(struct arena *a)
{
	struct conn *c = conn_new(a);
	struct txn *t;
	struct rcpt *one, *two;

	is_int(c->ip.family, IP_NONE, "a session begins without an address");
	is_int(c->facts.v[FACT_CLIENT_IP].state, FACT_UNKNOWN, "and without facts");
	clock_set_wall_ms(1700000000000);
	t = txn_new(a, c);
	clock_set_wall_ms(0);
	ok(t->conn == c && t->arena == a, "a transaction belongs to its session");
	is_int(strlen(t->id), ID_SIZE - 1, "it has an id");
	is_int(t->started_ms, 1700000000000, "and the time at which it began");
	is_int(t->stage, STAGE_MAIL, "and stands at MAIL");

	one = txn_add_rcpt(t, "<Bob@Example.NET> NOTIFY=NEVER");
	two = txn_add_rcpt(t, "<@relay.example:\"ann\"@example.net>");
	ok(t->rcpts == one && one->next == two && two->next == NULL && t->rcpts_last == two,
	   "recipients keep their order");
	is_str(one->arg, "<Bob@Example.NET> NOTIFY=NEVER", "the argument as it came");
	is_str(one->address, "Bob@Example.NET", "the address out of it");
	is_str(two->address, "ann@example.net", "without route and needless quotes");
	is_int(t->n_rcpts, 0, "nobody has accepted them yet");
}

static void test_headers(struct arena *a)
{
	struct txn *t = txn_new(a, conn_new(a));
	struct txn_header *h;
	char value[] = " one\n\ttwo";

	h = txn_add_header(t, "Received", value, sizeof value - 1);
	value[1] = 'X';
	is_str(h->value, " one\n\ttwo", "the value is copied as it came");
	is_int(h->value_n, sizeof value - 1, "with its length");
	is_int(h->nth, 1, "the first of its name");
	is_int(txn_add_header(t, "X-Received", "", 0)->nth, 1, "the first of another name");
	is_int(txn_add_header(t, "RECEIVED", " a\0b", 4)->nth, 2, "names are compared without regard to case");
	is_int(t->headers_last->value_n, 4, "a NUL does not end a value");
	is_int(txn_add_header(t, "received", "", 0)->nth, 3, "the third");
	is_str(t->headers->next->name, "X-Received", "fields keep their order");
}

/* As many fields as a header of the size that Postfix takes can have: counting must not take the square of them. */
static void test_many_headers(struct arena *a)
{
	struct txn *t = txn_new(a, conn_new(a));
	enum { FIELDS = 100000 };
	unsigned wrong = 0, n = 0;
	char name[16];

	for (unsigned i = 0; i < FIELDS; i++) {
		snprintf(name, sizeof name, "X%u", i % (FIELDS / 2));
		wrong += txn_add_header(t, name, "", 0)->nth != (i < FIELDS / 2 ? 1 : 2);
	}
	is_int(wrong, 0, "each of 100,000 fields is counted right");
	for (const struct txn_header *h = t->headers; h != NULL; h = h->next)
		n++;
	is_int(n, FIELDS, "and kept");
}

static void test_memory(void)
{
	struct arena *a = arena_new(1);
	struct arena *room = arena_new(0);
	struct txn *t = txn_new(room, conn_new(room));

	ok(conn_new(a) == NULL, "no memory for a session");
	ok(txn_new(a, NULL) == NULL, "nor for a transaction");
	t->arena = a;
	ok(txn_add_rcpt(t, "<a@b.c>") == NULL && t->rcpts == NULL, "nor for a recipient");
	ok(txn_add_header(t, "A", "", 0) == NULL && t->headers == NULL, "nor for a field");
	ok(arena_failed(a), "and the arena knows");
	arena_free(&a);
	arena_free(&room);
}

int main(void)
{
	struct arena *a = arena_new(0);

	test_making(a);
	test_headers(a);
	test_many_headers(a);
	test_memory();
	arena_free(&a);
	return done_testing();
}
