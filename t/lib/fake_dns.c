#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/lib/fake_net.h"

enum { NAMES = 128, RECORDS = 32, NAME_SIZE = 256 };

struct name {
	char name[NAME_SIZE];
	enum dns_type type;
	bool silent;
	struct dns_answer answer;
	struct dns_record records[RECORDS];
	char targets[RECORDS][NAME_SIZE];
	char *texts[RECORDS];
};

static struct {
	struct name v[NAMES];
	unsigned n;
	char asked[NAMES * 8][NAME_SIZE];
	unsigned n_asked;
} zone;

static const struct dns_answer no_name = { .status = DNS_NXDOMAIN };
static const struct dns_answer no_answer = { .status = DNS_FAILED, .why = "timeout" };

static struct name *find(const char *name, enum dns_type type)
{
	for (unsigned i = 0; i < zone.n; i++)
		if (strcmp(zone.v[i].name, name) == 0 && zone.v[i].type == type)
			return &zone.v[i];
	return NULL;
}

/* As a server looks a name up: the name itself, else the nearest wildcard above it. */
static struct name *look_up(const char *name, enum dns_type type)
{
	struct name *n = find(name, type);
	char wild[NAME_SIZE];

	for (const char *dot = strchr(name, '.'); n == NULL && dot != NULL; dot = strchr(dot + 1, '.')) {
		snprintf(wild, sizeof wild, "*%s", dot);
		n = find(wild, type);
	}
	return n;
}

static struct name *make(const char *name, enum dns_type type)
{
	struct name *n = find(name, type);

	if (n != NULL)
		return n;
	if (zone.n == NAMES)
		abort();
	n = &zone.v[zone.n++];
	memset(n, 0, sizeof *n);
	snprintf(n->name, sizeof n->name, "%s", name);
	n->type = type;
	n->answer.v = n->records;
	return n;
}

void fake_dns_clear(void)
{
	for (unsigned i = 0; i < zone.n; i++)
		for (unsigned j = 0; j < RECORDS; j++)
			free(zone.v[i].texts[j]);
	zone.n = zone.n_asked = 0;
}

static struct dns_record *add(struct name *n)
{
	if (n->answer.n == RECORDS)
		abort();
	n->answer.status = DNS_OK;
	return &n->records[n->answer.n++];
}

void fake_dns_addr(const char *name, const char *text)
{
	struct ip ip;

	if (ip_parse(&ip, text) != 0)
		abort();
	add(make(name, ip.family == IP_V4 ? DNS_A : DNS_AAAA))->ip = ip;
}

static void add_target(const char *name, enum dns_type type, const char *target)
{
	struct name *n = make(name, type);
	struct dns_record *r = add(n);

	snprintf(n->targets[n->answer.n - 1], NAME_SIZE, "%s", target);
	r->name = n->targets[n->answer.n - 1];
}

void fake_dns_ptr(const char *name, const char *target)
{
	add_target(name, DNS_PTR, target);
}

void fake_dns_mx(const char *name, const char *target)
{
	add_target(name, DNS_MX, target);
}

void fake_dns_txt(const char *name, const char *text, size_t n)
{
	struct name *to = make(name, DNS_TXT);
	struct dns_record *r = add(to);
	char *copy = malloc(n + 1);

	if (copy == NULL)
		abort();
	memcpy(copy, text, n);
	copy[n] = '\0';
	to->texts[to->answer.n - 1] = copy;
	r->text = copy;
	r->text_n = n;
}

void fake_dns_empty(const char *name, enum dns_type type)
{
	make(name, type)->answer = (struct dns_answer){ .status = DNS_NODATA };
}

void fake_dns_fail(const char *name, enum dns_type type, const char *why)
{
	make(name, type)->answer = (struct dns_answer){ .status = DNS_FAILED, .why = why };
}

void fake_dns_silent(const char *name, enum dns_type type)
{
	make(name, type)->silent = true;
}

unsigned fake_dns_asked(const char *name)
{
	unsigned n = 0;

	for (unsigned i = 0; i < zone.n_asked && i < sizeof zone.asked / sizeof zone.asked[0]; i++)
		n += strcmp(zone.asked[i], name) == 0;
	return n;
}

const char *fake_dns_asked_name(unsigned i)
{
	return i < zone.n_asked && i < sizeof zone.asked / sizeof zone.asked[0] ? zone.asked[i] : "";
}

unsigned fake_dns_total(void)
{
	return zone.n_asked;
}

struct net_op *dns_ask(struct net_wait *w, const char *name, enum dns_type type)
{
	struct net_op *op = fake_net_op();
	const struct name *n = look_up(name, type);

	(void)w;
	if (op == NULL)
		abort();
	if (zone.n_asked < sizeof zone.asked / sizeof zone.asked[0])
		snprintf(zone.asked[zone.n_asked], NAME_SIZE, "%s", name);
	zone.n_asked++;
	fake_net_lay_out(op, n != NULL && n->silent);
	op->dns = n != NULL ? n->answer : no_name;
	return op;
}

const struct dns_answer *dns_result(const struct net_op *op)
{
	return op != NULL && op->done ? &op->dns : &no_answer;
}

int dns_reverse_name(const struct ip *ip, const char *suffix, char *out, size_t size)
{
	int len = 0;

	if (ip->family == IP_V4)
		len = snprintf(out, size, "%d.%d.%d.%d.", ip->b[3], ip->b[2], ip->b[1], ip->b[0]);
	for (unsigned i = 0; ip->family == IP_V6 && i < 16; i++)
		len += snprintf(out + len, size - (size_t)len, "%x.%x.", ip->b[15 - i] & 15u, ip->b[15 - i] >> 4);
	if (suffix == NULL)
		suffix = ip->family == IP_V4 ? "in-addr.arpa" : "ip6.arpa";
	len += snprintf(out + len, size - (size_t)len, "%s", suffix);
	return (size_t)len < size ? 0 : -1;
}
