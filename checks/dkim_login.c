#include "checks/dkim_login.h"

#include <stdlib.h>
#include <string.h>

#include "mail/addr.h"
#include "util/bytes.h"
#include "util/fold.h"
#include "util/strmap.h"

enum { ADDRESS_MAX = 512 }; /* bytes: 64 and 255 of RFC 5321, folded */

struct owner {
	struct owner *next;
	const char *login; /* folded */
};

struct dk_logins {
	struct strmap *owners; /* folded address or "@domain" to its first owner */
};

/* ---- Reading ---- */

static void trim(const char **p, size_t *n)
{
	while (*n > 0 && ascii_is_space(**p)) {
		(*p)++;
		(*n)--;
	}
	while (*n > 0 && ascii_is_space((*p)[*n - 1]))
		(*n)--;
}

/* 0, or -1 when out of memory. */
static int add_owner(struct dk_logins *l, struct arena *a, const char *address, size_t address_n, const char *login,
		     size_t login_n)
{
	struct owner *o = arena_alloc(a, sizeof *o);
	size_t key_n, n;
	const char *key = fold_text(a, address, address_n, &key_n);

	if (o == NULL || key == NULL || (o->login = fold_text(a, login, login_n, &n)) == NULL)
		return -1;
	o->next = strmap_get(l->owners, key, key_n, NULL);
	return strmap_set(l->owners, key, key_n, o);
}

/* NULL, or what is wrong with the line. */
static const char *add_line(struct dk_logins *l, struct arena *a, const char *line)
{
	const char *colon = strchr(line, ':'), *p, *address = line;
	size_t address_n, n;
	bool any = false;

	if (colon == NULL)
		return "it is not of the form \"address: login, login\"";
	address_n = (size_t)(colon - line);
	trim(&address, &address_n);
	if (address_n > ADDRESS_MAX || addr_at(address, address_n) == NULL || address[address_n - 1] == '@')
		return "what stands before the colon is neither an address nor \"@domain\"";
	for (p = colon; *p != '\0'; p += n) {
		const char *login = ++p;
		size_t login_n = n = strcspn(p, ",");

		trim(&login, &login_n);
		if (login_n == 0)
			return "a login is missing";
		if (add_owner(l, a, address, address_n, login, login_n) != 0)
			return "out of memory";
		any = true;
	}
	return any ? NULL : "a login is missing";
}

struct dk_logins *dk_logins_new(const struct conf_strings *lines, struct arena *a, struct error_list *errors)
{
	struct dk_logins *l = calloc(1, sizeof *l);
	unsigned before = errors->errors;

	if (l == NULL || (l->owners = strmap_new()) == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		free(l);
		return NULL;
	}
	for (unsigned i = 0; i < lines->n; i++) {
		const char *wrong = add_line(l, a, lines->v[i].s);

		if (wrong != NULL)
			error_add(errors, lines->v[i].file, lines->v[i].line, "sender_login: \"%s\": %s", lines->v[i].s,
				  wrong);
	}
	if (errors->errors != before)
		dk_logins_free(&l);
	return l;
}

void dk_logins_free(struct dk_logins **lp)
{
	struct dk_logins *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	strmap_free(&l->owners);
	free(l);
}

/* ---- Looking up ---- */

/* user+detail@domain belongs to whom user@domain does. */
static const struct owner *without_detail(const struct dk_logins *l, const char *p, const char *at, size_t n)
{
	const char *plus = memchr(p, '+', (size_t)(at - p));
	char plain[ADDRESS_MAX];
	size_t head, tail;

	if (plus == NULL || plus == p || n > sizeof plain)
		return NULL;
	head = (size_t)(plus - p);
	tail = n - (size_t)(at - p);
	memcpy(plain, p, head);
	memcpy(plain + head, at, tail);
	return strmap_get(l->owners, plain, head + tail, NULL);
}

static const struct owner *owners_of(const struct dk_logins *l, const struct fact_text *address)
{
	const char *p = address->folded, *at = addr_at(p, address->folded_n);
	const struct owner *o = strmap_get(l->owners, p, address->folded_n, NULL);

	if (o == NULL && at != NULL)
		o = without_detail(l, p, at, address->folded_n);
	if (o == NULL && at != NULL)
		o = strmap_get(l->owners, at, address->folded_n - (size_t)(at - p), NULL);
	return o;
}

bool dk_logins_allow(const struct dk_logins *l, const struct fact_text *address, const struct fact_text *user)
{
	const struct owner *o = owners_of(l, address);

	if (user == NULL)
		return o == NULL;
	for (; o != NULL; o = o->next)
		if (strcmp(o->login, user->folded) == 0)
			return true;
	return false;
}
