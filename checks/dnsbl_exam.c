#include "checks/dnsbl_exam.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "checks/dnsbl_codes.h"
#include "net/dns.h"
#include "util/clock.h"

enum {
	RANDOM_FIRST = 4,
	RANDOM_ALL = 16,
	NEIGHBOURS_MAX = 12,
	NEIGHBOURS_MIN = 4, /* fewer say nothing */
	NAME_SIZE = 256,    /* RFC 1035: 253 letters and the NUL, with room */
	LABEL_LETTERS = 14, /* of a random label: 2^65 of them */
	V4_BYTES = 4,
	LOOPBACK = 127,
	MULTICAST = 224,
	V6_GLOBAL = 0x20, /* 2000::/4, all that is given out of 2000::/3 but some */
	V6_MAPPED = 12    /* ::ffff:0:0/96 ends here */
};
_Static_assert(DNSBL_PROBES_MAX + RANDOM_FIRST + RANDOM_ALL + NEIGHBOURS_MAX + NEIGHBOURS_MIN + 1 <=
		       DNSBL_EXAM_QUESTIONS,
	       "questions do not fit");

/* ---- Names ---- */

int dnsbl_question_name(const struct dnsbl_zone *z, const struct dnsbl_subject *about, char *out, size_t size)
{
	int n;

	if (!z->domains)
		return dns_reverse_name(&about->ip, z->zone, out, size);
	n = snprintf(out, size, "%s.%s", about->domain, z->zone);
	return n > 0 && (size_t)n < size && n < DNSBL_DOMAIN_SIZE ? 0 : -1;
}

bool dnsbl_is_private(const struct ip *ip)
{
	static const struct ip_net nets[] = {
		{ { IP_V4, { 0 } }, 8 },         { { IP_V4, { 10 } }, 8 },          { { IP_V4, { 127 } }, 8 },
		{ { IP_V4, { 100, 64 } }, 10 },  { { IP_V4, { 169, 254 } }, 16 },   { { IP_V4, { 172, 16 } }, 12 },
		{ { IP_V4, { 192, 168 } }, 16 }, { { IP_V6, { 0 } }, 127 }, /* :: and ::1 */
		{ { IP_V6, { 0xfc } }, 7 },      { { IP_V6, { 0xfe, 0x80 } }, 10 },
	};

	for (unsigned i = 0; i < sizeof nets / sizeof nets[0]; i++)
		if (ip_in_net(ip, &nets[i]))
			return true;
	return ip->family == IP_NONE;
}

/* Not to be foreseen by whoever runs a list. */
static void random_bytes(uint8_t *p, size_t n)
{
	if (getrandom(p, n, GRND_NONBLOCK) == (ssize_t)n)
		return;
	for (size_t i = 0; i < n; i++) /* in the first seconds of a machine: better than the same each time */
		p[i] = (uint8_t)(clock_mono_us() >> i);
}

static void random_label(char out[LABEL_LETTERS + 1])
{
	static const char letters[] = "bcdfghjklmnpqrstvwxzbcdfghjkmnpq"; /* 32, and no words */
	uint8_t r[LABEL_LETTERS];

	random_bytes(r, sizeof r);
	for (unsigned i = 0; i < LABEL_LETTERS; i++)
		out[i] = letters[r[i] % (sizeof letters - 1)];
	out[LABEL_LETTERS] = '\0';
}

static void random_domain(struct dnsbl_subject *s, const char *below)
{
	char label[LABEL_LETTERS + 1];

	random_label(label);
	if (snprintf(s->domain, sizeof s->domain, "%s.%s", label, below) >= (int)sizeof s->domain)
		snprintf(s->domain, sizeof s->domain, "%s", below);
}

static void make_canary(const struct dnsbl_exam *x, struct dnsbl_subject *s)
{
	uint8_t *v4 = s->ip.b;

	if (x->zone->domains) {
		random_domain(s, "invalid");
		return;
	}
	s->ip.family = IP_V4;
	if (x->side == DNSBL_SIDE_V6) {
		s->ip.family = IP_V6;
		v4 = &s->ip.b[V6_MAPPED];
		v4[-2] = v4[-1] = 0xff;
	}
	random_bytes(v4, V4_BYTES);
	v4[0] = LOOPBACK;
	v4[1] |= 0x80; /* lists have 127.0.0.0/16 for themselves */
}

static void make_random(const struct dnsbl_exam *x, struct dnsbl_subject *s)
{
	static const char *const tops[] = { "com", "net", "org", "de" };
	uint8_t r;

	if (x->zone->domains) {
		random_bytes(&r, 1);
		random_domain(s, tops[r % (sizeof tops / sizeof tops[0])]);
		return;
	}
	s->ip.family = x->side == DNSBL_SIDE_V6 ? IP_V6 : IP_V4;
	if (x->side == DNSBL_SIDE_V6) {
		random_bytes(s->ip.b, sizeof s->ip.b);
		s->ip.b[0] = V6_GLOBAL | (s->ip.b[0] & 0x0f);
		return;
	}
	do
		random_bytes(s->ip.b, V4_BYTES);
	while (dnsbl_is_private(&s->ip) || s->ip.b[0] >= MULTICAST);
}

/* Another machine of its network, or another name: hardly anybody has been asked about it, so no cache knows it. */
static void make_neighbour(const struct dnsbl_exam *x, const struct dnsbl_subject *of, struct dnsbl_subject *s)
{
	enum { HOSTS = 255 };
	uint8_t r;

	if (x->zone->domains) {
		random_domain(s, of->domain);
		return;
	}
	random_bytes(&r, 1);
	s->ip = of->ip;
	s->ip.b[s->ip.family == IP_V4 ? 3 : 15] ^= (uint8_t)(1 + r % HOSTS);
}

/* ---- Asking ---- */

static void ask(struct dnsbl_exam *x, unsigned part, const struct dnsbl_probe *probe, const struct dnsbl_subject *about,
		struct net_wait *w)
{
	char name[NAME_SIZE];

	if (x->n == DNSBL_EXAM_QUESTIONS || dnsbl_question_name(x->zone, about, name, sizeof name) != 0)
		return;
	x->part[x->n] = (unsigned char)part;
	x->probe[x->n] = probe;
	x->ops[x->n++] = dns_ask(w, name, DNS_A); /* NULL reads as a failure */
}

static void ask_probes(struct dnsbl_exam *x, struct net_wait *w)
{
	for (unsigned i = 0; i < x->zone->n_probes; i++) {
		const struct dnsbl_probe *p = &x->zone->probes[i];
		struct dnsbl_subject s = { .ip = p->ip };

		if (x->zone->domains)
			snprintf(s.domain, sizeof s.domain, "%s", p->domain);
		else if ((p->ip.family == IP_V6) != (x->side == DNSBL_SIDE_V6))
			continue;
		ask(x, DNSBL_EXAM_PROBES, p, &s, w);
	}
}

static void ask_random(struct dnsbl_exam *x, unsigned n, struct net_wait *w)
{
	struct dnsbl_subject s = { .domain = "" };

	for (unsigned i = 0; i < n; i++) {
		make_random(x, &s);
		ask(x, DNSBL_EXAM_RANDOM, NULL, &s, w);
	}
}

/* Those of the memory that are on the examination's side. */
static void take_memory(struct dnsbl_exam *x, const struct dnsbl_memory *memory)
{
	for (unsigned i = 0; i < memory->n; i++)
		if (x->zone->domains || (memory->v[i].ip.family == IP_V6) == (x->side == DNSBL_SIDE_V6))
			x->memory.v[x->memory.n++] = memory->v[i];
}

static void ask_sample(struct dnsbl_exam *x, struct net_wait *w)
{
	struct dnsbl_subject s = { .domain = "" };
	bool few = x->memory.n < NEIGHBOURS_MIN;
	uint8_t r;

	random_bytes(&r, 1);
	for (unsigned i = 0; i < (few ? x->memory.n : 1); i++) {
		make_neighbour(x, &x->memory.v[(r + i) % x->memory.n], &s);
		ask(x, DNSBL_EXAM_SAMPLE, NULL, &s, w);
	}
	if (!few)
		return;
	make_random(x, &s);
	ask(x, DNSBL_EXAM_SAMPLE, NULL, &s, w);
}

static void ask_neighbours(struct dnsbl_exam *x, struct net_wait *w)
{
	struct dnsbl_subject s = { .domain = "" };
	uint8_t from;

	if (x->memory.n < NEIGHBOURS_MIN) {
		ask_sample(x, w);
		return;
	}
	x->neighbours = true;
	random_bytes(&from, 1);
	for (unsigned i = 0; i < x->memory.n && i < NEIGHBOURS_MAX; i++) {
		make_neighbour(x, &x->memory.v[(from + i) % x->memory.n], &s);
		ask(x, DNSBL_EXAM_NEIGHBOURS, NULL, &s, w);
	}
}

void dnsbl_exam_ask(struct dnsbl_exam *x, const struct dnsbl_zone *z, enum dnsbl_side side, unsigned parts,
		    const struct dnsbl_memory *memory, struct net_wait *w)
{
	struct dnsbl_subject s = { .domain = "" };

	x->zone = z;
	x->side = side;
	x->parts = parts;
	x->asked_ms = clock_mono_ms();
	x->n = 0;
	x->memory.n = 0;
	x->neighbours = false;
	x->finding = DNSBL_FOUND_NOTHING;
	x->ipv6 = DNSBL_IPV6_UNKNOWN;
	x->error.family = IP_NONE;
	x->why[0] = '\0';
	if (parts & DNSBL_EXAM_PROBES)
		ask_probes(x, w);
	if ((parts & DNSBL_EXAM_CANARY) && !z->unprobed) {
		make_canary(x, &s);
		ask(x, DNSBL_EXAM_CANARY, NULL, &s, w);
	}
	if (parts & DNSBL_EXAM_RANDOM)
		ask_random(x, RANDOM_FIRST, w);
	if (parts & (DNSBL_EXAM_SAMPLE | DNSBL_EXAM_NEIGHBOURS))
		take_memory(x, memory);
	if (parts & DNSBL_EXAM_NEIGHBOURS)
		ask_neighbours(x, w);
	else if (parts & DNSBL_EXAM_SAMPLE)
		ask_sample(x, w);
}

/* ---- Judging ---- */

const struct ip *dnsbl_answer_error(const struct dns_answer *a)
{
	for (unsigned i = 0; a->status == DNS_OK && i < a->n; i++)
		if (dnsbl_codes_is_error(&a->v[i].ip))
			return &a->v[i].ip;
	return NULL;
}

const char *dnsbl_failure(const struct net_op *op)
{
	if (op == NULL)
		return "out of memory";
	return net_op_done(op) ? dns_result(op)->why : "timeout";
}

struct tally {
	unsigned asked, answered, listed;
	const char *why; /* of a failure */
};

static struct tally count(const struct dnsbl_exam *x, unsigned part)
{
	struct tally t = { .asked = 0 };

	for (unsigned i = 0; i < x->n; i++) {
		const struct dns_answer *a = dns_result(x->ops[i]);

		if (x->part[i] != part)
			continue;
		t.asked++;
		t.answered += a->status != DNS_FAILED;
		t.listed += a->status == DNS_OK;
		if (a->status == DNS_FAILED)
			t.why = dnsbl_failure(x->ops[i]);
	}
	return t;
}

bool dnsbl_exam_more(struct dnsbl_exam *x, struct net_wait *w)
{
	struct tally random = count(x, DNSBL_EXAM_RANDOM), sample = count(x, DNSBL_EXAM_SAMPLE);

	if (sample.listed > 0 && x->memory.n >= NEIGHBOURS_MIN) {
		ask_neighbours(x, w);
		return true;
	}
	if (sample.listed > 0 || (random.listed > 0 && random.listed == random.answered)) {
		ask_random(x, RANDOM_ALL, w);
		return true;
	}
	return false;
}

/* The gravest finding counts, and of these the first. */
__attribute__((format(printf, 3, 4))) static void find(struct dnsbl_exam *x, enum dnsbl_finding finding,
						       const char *fmt, ...)
{
	va_list ap;

	if (finding <= x->finding)
		return;
	x->finding = finding;
	va_start(ap, fmt);
	vsnprintf(x->why, sizeof x->why, fmt, ap);
	va_end(ap);
}

static void judge_probe(struct dnsbl_exam *x, const struct dnsbl_probe *p, const struct net_op *op)
{
	const struct dns_answer *a = dns_result(op);
	char text[IP_TEXT_SIZE], answer[IP_TEXT_SIZE];
	const char *name = p->domain != NULL ? p->domain : ip_format(&p->ip, text);

	if (a->status == DNS_FAILED)
		find(x, DNSBL_FOUND_SILENCE, "it does not answer (%s)", dnsbl_failure(op));
	else if (p->listed && a->status == DNS_OK)
		x->ipv6 = DNSBL_IPV6_YES;
	else if (p->listed && p->optional)
		x->ipv6 = DNSBL_IPV6_NO;
	else if (p->listed)
		find(x, DNSBL_FOUND_WRONG, "it does not list %s, as every list that works does", name);
	else if (a->status == DNS_OK)
		find(x, DNSBL_FOUND_WRONG, "it lists %s (%s), as no list that works does", name,
		     ip_format(&a->v[0].ip, answer));
}

/* Of the entries that known lists have for being tested, one is enough. */
static void judge_any(struct dnsbl_exam *x)
{
	unsigned asked = 0, listed = 0;
	const char *why = NULL;

	for (unsigned i = 0; i < x->n; i++) {
		const struct dns_answer *a = dns_result(x->ops[i]);

		if (x->part[i] != DNSBL_EXAM_PROBES || !x->probe[i]->any)
			continue;
		asked++;
		listed += a->status == DNS_OK;
		if (a->status == DNS_FAILED)
			why = dnsbl_failure(x->ops[i]);
	}
	if (asked == 0 || listed > 0)
		return;
	if (why != NULL)
		find(x, DNSBL_FOUND_SILENCE, "it does not answer (%s)", why);
	else
		find(x, DNSBL_FOUND_WRONG, "it has no entry to test it by, such as \"test\"; %s",
		     "if it has another one, name that in its `probe`");
}

static void judge_errors(struct dnsbl_exam *x)
{
	char text[IP_TEXT_SIZE];

	for (unsigned i = 0; i < x->n; i++) {
		const struct ip *error = dnsbl_answer_error(dns_result(x->ops[i]));

		if (error == NULL)
			continue;
		find(x, DNSBL_FOUND_WRONG, "it answers %s, which is an error of the list and no listing",
		     ip_format(error, text));
		x->error = *error;
		return;
	}
}

static void judge_controls(struct dnsbl_exam *x)
{
	struct tally t = count(x, DNSBL_EXAM_CANARY);

	if (t.listed > 0)
		find(x, DNSBL_FOUND_WRONG, "it lists %s",
		     x->zone->domains ? "names that nobody has" : "addresses of 127.0.0.0/8 that nobody has");
	else if (t.answered < t.asked)
		find(x, DNSBL_FOUND_SILENCE, "it does not answer (%s)", t.why);
	t = count(x, DNSBL_EXAM_RANDOM);
	if (t.asked > RANDOM_FIRST && t.answered > 0 && t.listed == t.answered)
		find(x, DNSBL_FOUND_WRONG, "it lists %s", "the whole world");
	else if (t.asked > 0 && t.answered == 0)
		find(x, DNSBL_FOUND_SILENCE, "it does not answer (%s)", t.why);
	t = count(x, DNSBL_EXAM_SAMPLE);
	if (t.answered < t.asked)
		find(x, DNSBL_FOUND_SILENCE, "it does not answer (%s)", t.why);
	t = count(x, DNSBL_EXAM_NEIGHBOURS);
	if (t.answered < NEIGHBOURS_MIN && t.asked > 0)
		find(x, DNSBL_FOUND_SILENCE, "it does not answer (%s)", t.why);
	else if (t.asked > 0 && t.listed * 4 >= t.answered * 3)
		find(x, DNSBL_FOUND_WRONG, "it lists nearly everybody all of a sudden, %s",
		     "the neighbours of those it did not list as well");
}

void dnsbl_exam_judge(struct dnsbl_exam *x)
{
	judge_errors(x);
	for (unsigned i = 0; i < x->n; i++)
		if (x->part[i] == DNSBL_EXAM_PROBES && !x->probe[i]->any)
			judge_probe(x, x->probe[i], x->ops[i]);
	judge_any(x);
	judge_controls(x);
	dnsbl_exam_end(x);
}

void dnsbl_exam_end(struct dnsbl_exam *x)
{
	for (unsigned i = 0; i < x->n; i++)
		net_op_free(&x->ops[i]);
	x->n = 0;
}
