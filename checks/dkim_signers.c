#include "checks/dkim_signers.h"

#include <string.h>

#include "checks/dkim_keyfile.h"
#include "util/bytes.h"
#include "util/names.h"

enum { NAME_MAX_BYTES = 253, LABEL_MAX_BYTES = 63, FIELD_NAMES_MAX = 100, EXPIRE_LEAST_S = 3600 };

/* RFC 6376, section 5.4.1, and what readers show or go by. */
static const char *const usual_headers[] = {
	"from",
	"sender",
	"reply-to",
	"subject",
	"date",
	"message-id",
	"to",
	"cc",
	"mime-version",
	"content-type",
	"content-transfer-encoding",
	"content-id",
	"content-description",
	"in-reply-to",
	"references",
	"resent-date",
	"resent-from",
	"resent-sender",
	"resent-to",
	"resent-cc",
	"resent-message-id",
	"list-id",
	"list-help",
	"list-unsubscribe",
	"list-unsubscribe-post",
	"list-subscribe",
	"list-post",
	"list-owner",
	"list-archive",
};

/*
 * Those that stand once in a message, and that no server on the way adds to one without: a second From or Subject would
 * be shown, and a Content-Type makes another message of the same body.
 */
static const char *const usual_oversign[] = {
	"from", "reply-to", "subject", "to", "cc", "mime-version", "content-type", "content-transfer-encoding",
};

/* ---- One entry ---- */

/* Where a setting of the i-th entry stands. */
static struct dk_place place_of(const struct check_env *env, const struct dkim_sign_settings *set, unsigned i,
				const char *name)
{
	const struct conf_node *dkim = env->root != NULL ? conf_child(env->root, "dkim") : NULL;
	const struct conf_node *entry = dkim != NULL ? conf_child(dkim, "sign") : NULL, *node;

	if (entry != NULL && entry->type == CONF_LIST)
		for (entry = entry->child; entry != NULL && i > 0; i--)
			entry = entry->next;
	node = entry != NULL ? conf_child(entry, name) : NULL;
	if (node != NULL)
		return (struct dk_place){ node->file, node->line };
	return (struct dk_place){ set->where.file, set->where.line };
}

/* A DNS name in lower case, or NULL. */
static const char *dns_name(struct arena *a, const char *s)
{
	size_t label = 0, n = s != NULL ? strlen(s) : 0;
	char *out;

	if (n == 0 || n > NAME_MAX_BYTES || (out = arena_strdup(a, s)) == NULL)
		return NULL;
	for (char *p = out; *p != '\0'; p++) {
		*p = ascii_lower(*p);
		if (*p == '.' && label > 0)
			label = 0;
		else if ((!ascii_is_alpha(*p) && !ascii_is_digit(*p) && *p != '-' && *p != '_') ||
			 ++label > LABEL_MAX_BYTES)
			return NULL;
	}
	return label > 0 ? out : NULL;
}

static bool listed(const struct dk_names *l, const char *name)
{
	for (unsigned i = 0; i < l->n; i++)
		if (strcmp(l->v[i], name) == 0)
			return true;
	return false;
}

static void add_name(struct dk_names *l, const char *name)
{
	if (l->n < FIELD_NAMES_MAX && !listed(l, name))
		l->v[l->n++] = name;
}

/* A field's name in lower case, or NULL with an error added. */
static const char *field_name(const struct conf_item *item, struct arena *a, struct error_list *errors)
{
	char *name = arena_strdup(a, item->s);
	bool fine = name != NULL && name[0] != '\0';

	for (char *p = name; fine && *p != '\0'; p++) {
		fine = *p > ' ' && *p < 0x7f && *p != ':' && *p != ';';
		*p = ascii_lower(*p);
	}
	if (fine)
		return name;
	error_add(errors, item->file, item->line, "\"%s\" is no name of a header field", item->s);
	return NULL;
}

static void read_names(struct dk_names *out, const struct conf_strings *set, bool stated, const char *const *usual,
		       size_t n_usual, struct arena *a, struct error_list *errors)
{
	out->v = arena_calloc(a, FIELD_NAMES_MAX, sizeof *out->v);
	if (out->v == NULL)
		return;
	add_name(out, "from"); /* RFC 6376, section 5.4: it must be signed */
	for (size_t i = 0; !stated && i < n_usual; i++)
		add_name(out, usual[i]);
	for (unsigned i = 0; i < set->n; i++) {
		const char *name = field_name(&set->v[i], a, errors);

		if (name != NULL && out->n == FIELD_NAMES_MAX)
			error_add(errors, set->v[i].file, set->v[i].line, "more than %d names of header fields",
				  FIELD_NAMES_MAX);
		else if (name != NULL)
			add_name(out, name);
	}
}

/* A path as written in the configuration: from its folder, unless it is absolute. */
static const char *beside(struct arena *a, const char *file, const char *path)
{
	const char *slash = file != NULL ? strrchr(file, '/') : NULL;

	if (path[0] == '/' || slash == NULL)
		return path;
	return arena_printf(a, "%.*s/%s", (int)(slash - file), file, path);
}

static void read_key(struct dk_signer *s, const struct dkim_sign_settings *set, const struct dk_place *where,
		     const struct check_env *env, struct error_list *errors)
{
	const char *path;

	if (set->key == NULL || set->key[0] == '\0') {
		error_add(errors, where->file, where->line,
			  "dkim.sign: an entry needs its key, such as key = \"/etc/millgate/keys/example.net.pem\"");
		return;
	}
	path = beside(env->arena, where->file, set->key);
	if (path != NULL)
		s->key = dk_keyfile_read(path, env, where, errors);
}

static void read_one(struct dk_signer *s, const struct dkim_sign_settings *set, unsigned i, const struct check_env *env,
		     struct error_list *errors)
{
	struct dk_place domain = place_of(env, set, i, "domain"), selector = place_of(env, set, i, "selector");
	struct dk_place key = place_of(env, set, i, "key"), expire = place_of(env, set, i, "expire");

	s->domain = dns_name(env->arena, set->domain);
	s->selector = dns_name(env->arena, set->selector);
	s->subdomains = set->subdomains;
	s->canonicalization = names_name(dk_canonicalizations, set->canonicalization);
	s->relaxed_body = (set->canonicalization & DK_RELAXED_BODY) != 0;
	s->expire_s = set->expire / 1000;
	if (s->domain == NULL)
		error_add(
			errors, domain.file, domain.line,
			"dkim.sign: domain must be a domain name, its letters ASCII (xn--...), such as \"example.net\"");
	if (s->selector == NULL)
		error_add(errors, selector.file, selector.line,
			  "dkim.sign: selector must be a name in DNS, such as \"s2026\"");
	if (s->domain != NULL && s->selector != NULL &&
	    strlen(s->domain) + strlen(s->selector) + sizeof "._domainkey." - 1 > NAME_MAX_BYTES)
		error_add(errors, selector.file, selector.line, "dkim.sign: %s._domainkey.%s is too long a name",
			  s->selector, s->domain);
	if (set->expire != 0 && s->expire_s < EXPIRE_LEAST_S)
		error_add(errors, expire.file, expire.line,
			  "dkim.sign: mail may be under way for days: expire must be at least an hour");
	read_key(s, set, &key, env, errors);
	read_names(&s->headers, &set->headers, set->headers.n > 0, usual_headers,
		   sizeof usual_headers / sizeof usual_headers[0], env->arena, errors);
	read_names(&s->oversign, &set->oversign, set->oversign.n > 0, usual_oversign,
		   sizeof usual_oversign / sizeof usual_oversign[0], env->arena, errors);
	for (unsigned k = 0; k < s->oversign.n; k++)
		add_name(&s->headers, s->oversign.v[k]);
}

/* ---- All of them ---- */

static void refuse_twins(const struct dk_signers *s, const struct dkim_sign_settings *set, struct error_list *errors)
{
	for (unsigned i = 0; i < s->n; i++)
		for (unsigned j = 0; j < i; j++)
			if (s->v[i].domain != NULL && s->v[j].domain != NULL && s->v[i].selector != NULL &&
			    s->v[j].selector != NULL && strcmp(s->v[i].domain, s->v[j].domain) == 0 &&
			    strcmp(s->v[i].selector, s->v[j].selector) == 0)
				error_add(errors, set[i].where.file, set[i].where.line,
					  "dkim.sign: the same domain and selector stand here twice");
}

int dk_signers_read(struct dk_signers *s, const struct dkim_settings *set, const struct check_env *env,
		    struct error_list *errors)
{
	const struct dkim_sign_settings *v = set->sign.v;
	unsigned before = errors->errors;

	s->n = 0;
	s->v = arena_calloc(env->arena, set->sign.n + 1, sizeof *s->v);
	if (s->v == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		return -1;
	}
	while (s->n < set->sign.n) {
		read_one(&s->v[s->n], &v[s->n], s->n, env, errors);
		s->n++;
	}
	refuse_twins(s, v, errors);
	if (arena_failed(env->arena))
		error_add(errors, NULL, 0, "out of memory");
	if (errors->errors == before)
		return 0;
	dk_signers_release(s);
	return -1;
}

void dk_signers_release(struct dk_signers *s)
{
	for (unsigned i = 0; i < s->n; i++)
		dk_key_free(&s->v[i].key);
	s->n = 0;
}

static bool is_below(const char *name, const char *domain)
{
	size_t n = strlen(name), d = strlen(domain);

	return n > d && name[n - d - 1] == '.' && strcmp(name + n - d, domain) == 0;
}

const char *dk_signers_domain(const struct dk_signers *s, const char *from_domain)
{
	const char *best = NULL;

	for (unsigned i = 0; i < s->n; i++) {
		const struct dk_signer *k = &s->v[i];

		if (strcmp(k->domain, from_domain) == 0)
			return k->domain;
		if (k->subdomains && is_below(from_domain, k->domain) &&
		    (best == NULL || strlen(k->domain) > strlen(best)))
			best = k->domain;
	}
	return best;
}
