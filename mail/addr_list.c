/*
 * Lists of addresses, names and networks: hash look-ups, whatever the number of entries.
 */
#include "mail/addr.h"

#include <stdlib.h>
#include <string.h>

#include "util/bytes.h"
#include "util/fold.h"
#include "util/strmap.h"

enum {
	PATTERN_MAX = 1024, /* bytes: 64 of a local part and 255 of a domain, in UTF-8, with room */
	WEIGHT_V4_BIT = 2,
	WEIGHT_V6_BIT = 1,
	WEIGHT_LABEL = 16,
	V4_BITS = 32,
	V6_BITS = 128
};

struct addr_list {
	const struct addr_list *locals; /* not ours */
	struct ip_set *nets;
	struct strmap *names;     /* "example.com" */
	struct strmap *suffixes;  /* ".example.com", with its dot */
	struct strmap *domains;   /* "@example.com", without its at */
	struct strmap *addresses; /* "user@example.com" */
	struct strmap *users;     /* "user@", without its at */
	struct strmap *words;     /* "user": a local part, or a name of one label */
	size_t longest_suffix;    /* bytes: how far a look-up has to walk */
	struct arena *scratch;    /* for folding one pattern */
};

static const char out_of_memory[] = "out of memory";

struct addr_list *addr_list_new(void)
{
	struct addr_list *l = calloc(1, sizeof *l);

	if (l == NULL)
		return NULL;
	l->nets = ip_set_new();
	l->names = strmap_new();
	l->suffixes = strmap_new();
	l->domains = strmap_new();
	l->addresses = strmap_new();
	l->users = strmap_new();
	l->words = strmap_new();
	l->scratch = arena_new(0);
	if (l->nets == NULL || l->names == NULL || l->suffixes == NULL || l->domains == NULL || l->addresses == NULL ||
	    l->users == NULL || l->words == NULL || l->scratch == NULL)
		addr_list_free(&l);
	return l;
}

void addr_list_free(struct addr_list **l)
{
	if (*l == NULL)
		return;
	ip_set_free(&(*l)->nets);
	strmap_free(&(*l)->names);
	strmap_free(&(*l)->suffixes);
	strmap_free(&(*l)->domains);
	strmap_free(&(*l)->addresses);
	strmap_free(&(*l)->users);
	strmap_free(&(*l)->words);
	arena_free(&(*l)->scratch);
	free(*l);
	*l = NULL;
}

void addr_list_set_locals(struct addr_list *l, const struct addr_list *locals)
{
	l->locals = locals;
}

size_t addr_list_count(const struct addr_list *l)
{
	return ip_set_count(l->nets) + strmap_count(l->names) + strmap_count(l->suffixes) + strmap_count(l->domains) +
	       strmap_count(l->addresses) + strmap_count(l->users) + strmap_count(l->words);
}

/* ---- Adding ---- */

static const char *put(struct strmap *m, const char *key, size_t n)
{
	return strmap_set(m, key, n, NULL) == 0 ? NULL : out_of_memory;
}

/* What is wrong with the text of any pattern; NULL when nothing is. */
static const char *text_error(const char *p)
{
	size_t n = strlen(p);

	if (n > PATTERN_MAX)
		return "longer than any address";
	if (!utf8_valid(p, n))
		return "not valid UTF-8";
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)p[i] < ' ' || p[i] == '\x7f')
			return "a control character";
	}
	p += strspn(p, " ");
	p += strcspn(p, " ");
	if (strchr(p, '"') == NULL && p[strspn(p, " ")] != '\0')
		return "a space inside; each entry of a list is one pattern";
	return NULL;
}

/* Digits and dots, or a colon, cannot be meant as anything but an address. */
static bool looks_like_ip(const char *p)
{
	if (strchr(p, '@') != NULL)
		return false;
	return strchr(p, ':') != NULL || p[0] == '[' || (ascii_is_digit(p[0]) && p[strspn(p, "0123456789./")] == '\0');
}

/* What is wrong with a domain or host name; NULL when nothing is. */
static const char *name_error(const char *p, size_t n)
{
	bool label = false;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == '*')
			return "\"*\" has no meaning here: \".example.com\" stands for all subdomains of example.com";
		if (p[i] == '/')
			return "neither a network (192.0.2.0/24) nor a name";
		if (p[i] == '.' && !label)
			return "a name has an empty label (two dots in a row)";
		if (!ascii_is_alpha(p[i]) && !ascii_is_digit(p[i]) && strchr("-_.", p[i]) == NULL &&
		    (unsigned char)p[i] < 0x80)
			return "a name has a character that no name can have";
		label = p[i] != '.';
	}
	return label ? NULL : "the name is empty";
}

static const char *add_ip(struct addr_list *l, const char *p)
{
	struct ip_net net;

	switch (ip_net_parse(&net, p)) {
	case 0:
		return ip_set_add(l->nets, &net) == 0 ? NULL : out_of_memory;
	case -2:
		return "bits are set behind the network's prefix (192.0.2.1/24 is 192.0.2.0/24 or 192.0.2.1)";
	default:
		return "not an IP address or network";
	}
}

/* "user@example.com", "@example.com" or "user@"; `at` is where the last '@' stands. */
static const char *add_address(struct addr_list *l, const char *p, size_t n, size_t at)
{
	const char *why = NULL;

	if (at + 1 == n)
		return at > 0 ? put(l->users, p, at) : "a lone \"@\"";
	if (p[at + 1] == '.')
		return "an address has an empty label in its domain; \".example.com\", without \"@\", stands for subdomains";
	if (p[at + 1] != '[')
		why = name_error(p + at + 1, n - at - 1);
	if (why != NULL)
		return why;
	return at == 0 ? put(l->domains, p + 1, n - 1) : put(l->addresses, p, n);
}

static const char *add_name(struct addr_list *l, const char *p, size_t n)
{
	const char *why;

	if (n > 1 && p[n - 1] == '.')
		n--;
	if (p[0] != '.') {
		why = name_error(p, n);
		if (why != NULL)
			return why;
		return put(memchr(p, '.', n) != NULL ? l->names : l->words, p, n);
	}
	why = name_error(p + 1, n - 1);
	if (why != NULL)
		return why;
	if (n > l->longest_suffix)
		l->longest_suffix = n;
	return put(l->suffixes, p, n);
}

static const char *add_folded(struct addr_list *l, const char *p, size_t n)
{
	const char *at = addr_at(p, n);

	if (n == 0)
		return "empty";
	return at != NULL ? add_address(l, p, n, (size_t)(at - p)) : add_name(l, p, n);
}

const char *addr_list_add(struct addr_list *l, const char *pattern)
{
	const char *p, *why;
	size_t n;

	why = text_error(pattern);
	if (why != NULL)
		return why;
	arena_reset(l->scratch);
	p = addr_from_path(l->scratch, pattern);
	if (p == NULL)
		return out_of_memory;
	if (looks_like_ip(p))
		return add_ip(l, p);
	p = fold_text(l->scratch, p, strlen(p), &n);
	return p != NULL ? add_folded(l, p, n) : out_of_memory;
}

/* ---- Looking up ---- */

static bool has(const struct strmap *m, const char *key, size_t n)
{
	bool found = false;

	if (strmap_count(m) > 0)
		strmap_get(m, key, n, &found);
	return found;
}

int addr_list_match_ip(const struct addr_list *l, const struct ip *ip)
{
	int bits;

	if (ip->family == IP_NONE)
		return 0;
	bits = ip_set_match(l->nets, ip);
	if (bits < 0)
		return 0;
	if (bits == (ip->family == IP_V4 ? V4_BITS : V6_BITS))
		return ADDR_EXACT;
	return 1 + bits * (ip->family == IP_V4 ? WEIGHT_V4_BIT : WEIGHT_V6_BIT);
}

/* The longest suffix that the name ends with; only what can be in the list is looked up. */
static int match_suffix(const struct addr_list *l, const char *p, size_t n)
{
	size_t i = n > l->longest_suffix ? n - l->longest_suffix : 1;
	int labels = 0;

	if (l->longest_suffix == 0)
		return 0;
	while (i < n && (p[i] != '.' || !has(l->suffixes, p + i, n - i)))
		i++;
	if (i == n)
		return 0;
	for (; i < n; i++)
		labels += p[i] == '.';
	return 1 + labels * WEIGHT_LABEL;
}

int addr_list_match_domain(const struct addr_list *l, const char *domain, size_t n)
{
	if (n > 0 && domain[n - 1] == '.')
		n--;
	if (n == 0)
		return 0;
	if (has(l->names, domain, n) || has(l->words, domain, n))
		return ADDR_EXACT;
	return match_suffix(l, domain, n);
}

int addr_list_match_address(const struct addr_list *l, const char *address, size_t n)
{
	const char *at = addr_at(address, n), *domain;
	size_t local_n, domain_n;

	local_n = at != NULL ? (size_t)(at - address) : n;
	domain_n = at != NULL ? n - local_n - 1 : 0;
	domain = address + (n - domain_n);
	if (domain_n > 1 && domain[domain_n - 1] == '.') {
		domain_n--;
		n--;
	}
	if (at != NULL && has(l->addresses, address, n))
		return ADDR_EXACT;
	if ((domain_n == 0 || (l->locals != NULL && addr_list_match_domain(l->locals, domain, domain_n) > 0)) &&
	    (has(l->users, address, local_n) || has(l->words, address, local_n)))
		return ADDR_LOCAL;
	if (domain_n == 0)
		return 0;
	if (has(l->domains, domain, domain_n) || has(l->names, domain, domain_n) || has(l->words, domain, domain_n))
		return ADDR_DOMAIN;
	return match_suffix(l, domain, domain_n);
}
