#include "checks/dkim_admin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checks/dkim.h"
#include "checks/dkim_key.h"
#include "checks/dkim_keyfile.h"
#include "checks/dkim_tags.h"
#include "net/dns.h"
#include "util/bytes.h"

enum {
	STRING_MAX = 255, /* bytes of one string of a TXT record (RFC 1035, section 3.3) */
	NAME_MAX_BYTES = 253,
	BITS_DEFAULT = 2048,
	BITS_LEAST = 1024,
	BITS_MOST = 8192,
	BITS_WISE = 2048
};

/* "s2026._domainkey.example.net", or NULL with an error added. */
static const char *record_name(const char *domain, const char *selector, struct arena *a, struct error_list *errors)
{
	const char *name = arena_printf(a, "%s._domainkey.%s", selector, domain);
	size_t label = 0;

	if (name == NULL)
		return NULL;
	for (const char *p = name; *p != '\0'; p++) {
		bool fine = ascii_is_alpha(*p) || ascii_is_digit(*p) || *p == '-' || *p == '_';

		label = *p == '.' ? 0 : label + 1;
		if ((!fine && *p != '.') || (*p == '.' && (p == name || p[-1] == '.')) || label > 63) {
			error_add(errors, NULL, 0, "\"%s\" is no name in DNS: it wants a domain and a selector", name);
			return NULL;
		}
	}
	if (label == 0 || strlen(name) > NAME_MAX_BYTES) {
		error_add(errors, NULL, 0, "\"%s\" is no name in DNS: it ends in a dot, or is too long", name);
		return NULL;
	}
	return name;
}

/* ---- genkey ---- */

static int read_kind(const struct dk_genkey *g, enum dk_key_type *type, unsigned *bits, struct error_list *errors)
{
	const char *algorithm = g->algorithm != NULL ? g->algorithm : "rsa";
	char *end = NULL;
	unsigned long n = g->bits != NULL ? strtoul(g->bits, &end, 10) : BITS_DEFAULT;

	*type = strcmp(algorithm, "rsa") == 0 ? DK_KEY_RSA : DK_KEY_ED25519;
	*bits = (unsigned)n;
	if (*type == DK_KEY_ED25519 && strcmp(algorithm, "ed25519") != 0) {
		error_add(errors, NULL, 0, "the algorithm \"%s\" is unknown; it can be rsa or ed25519", algorithm);
		return -1;
	}
	if (*type == DK_KEY_ED25519 && g->bits != NULL) {
		error_add(errors, NULL, 0, "an Ed25519 key has one size: leave the bits out");
		return -1;
	}
	if (end != NULL && (*end != '\0' || end == g->bits || n < BITS_LEAST || n > BITS_MOST)) {
		error_add(errors, NULL, 0, "\"%s\" bits: it must be a number from %d to %d", g->bits, BITS_LEAST,
			  BITS_MOST);
		return -1;
	}
	if (n < BITS_WISE && *type == DK_KEY_RSA)
		error_warn(errors, NULL, 0, "2048 bits is what one should have today");
	return 0;
}

/* A new file that nobody else can read; one that is there stays. */
static int write_new(const char *path, const char *text, struct error_list *errors)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	size_t n = strlen(text);
	const char *p = text;

	if (fd < 0) {
		error_add(errors, NULL, 0, "\"%s\" cannot be made: %s", path, strerror(errno));
		return -1;
	}
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno != EINTR)
			break;
		p += done > 0 ? done : 0;
		n -= done > 0 ? (size_t)done : 0;
	}
	if (n == 0 && fsync(fd) == 0 && close(fd) == 0)
		return 0;
	error_add(errors, NULL, 0, "\"%s\" cannot be written: %s", path, strerror(errno));
	if (n > 0)
		close(fd);
	unlink(path);
	return -1;
}

static const char *record_text(const struct dk_key *k, struct arena *a)
{
	size_t n;
	const unsigned char *p = dk_key_record(k, a, &n);
	const char *base64 = p != NULL ? dk_base64_encode(a, p, n) : NULL;

	if (base64 == NULL)
		return NULL;
	return arena_printf(a, "v=DKIM1; k=%s; p=%s", dk_key_type(k) == DK_KEY_RSA ? "rsa" : "ed25519", base64);
}

/* As a zone file has it: strings of at most 255 bytes. */
static void add_zone_lines(struct sbuf *out, const char *name, const char *text)
{
	sbuf_addf(out, "%s. IN TXT (", name);
	for (size_t n = strlen(text), at = 0; at < n; at += STRING_MAX)
		sbuf_addf(out, "\n\t\"%.*s\"", n - at < STRING_MAX ? (int)(n - at) : STRING_MAX, text + at);
	sbuf_add(out, " )\n");
}

int dk_admin_genkey(const struct dk_genkey *g, struct arena *a, const char **path, struct sbuf *record,
		    struct error_list *errors)
{
	const char *name = record_name(g->domain, g->selector, a, errors), *pem = NULL, *text = NULL;
	enum dk_key_type type;
	struct dk_key *k;
	unsigned bits;
	int done = -1;

	if (name == NULL || read_kind(g, &type, &bits, errors) != 0)
		return -1;
	*path = g->out != NULL ? g->out : arena_printf(a, "%s.%s.pem", g->domain, g->selector);
	k = dk_key_generate(type, bits);
	if (k != NULL) {
		pem = dk_key_pem(k, a);
		text = record_text(k, a);
	}
	if (*path == NULL || pem == NULL || text == NULL)
		error_add(errors, NULL, 0, "a key cannot be made");
	else
		done = write_new(*path, pem, errors);
	if (done == 0)
		add_zone_lines(record, name, text);
	dk_key_free(&k);
	return done;
}

/* ---- check ---- */

/* The key's file as the configuration names it; NULL with an error added. */
static const char *find_path(const struct dk_check *c, struct arena *a, struct error_list *errors)
{
	const struct conf_node *group = c->root != NULL ? conf_child(c->root, "dkim") : NULL;
	const struct dkim_sign_settings *v;
	struct dkim_settings set;

	if (conf_bind(&dkim_settings_table, group, &set, NULL, a, errors) != 0)
		return NULL;
	v = set.sign.v;
	for (unsigned i = 0; i < set.sign.n; i++) {
		const char *slash = v[i].where.file != NULL ? strrchr(v[i].where.file, '/') : NULL;

		if (v[i].domain == NULL || v[i].selector == NULL || v[i].key == NULL ||
		    !ascii_equal(v[i].domain, c->domain) || !ascii_equal(v[i].selector, c->selector))
			continue;
		if (v[i].key[0] == '/' || slash == NULL)
			return v[i].key;
		return arena_printf(a, "%.*s/%s", (int)(slash - v[i].where.file), v[i].where.file, v[i].key);
	}
	error_add(errors, c->conf, 0,
		  "dkim.sign has no entry for the domain %s with the selector %s: name the key's file", c->domain,
		  c->selector);
	return NULL;
}

static void compare_key(const struct dk_record *r, const struct dk_key *mine, const char *name,
			struct error_list *errors)
{
	struct dk_key *published;

	if (r->type != dk_key_type(mine)) {
		error_add(errors, NULL, 0, "%s: the record is for %s (k=), the key is %s", name,
			  r->type == DK_KEY_RSA ? "rsa" : "ed25519",
			  dk_key_type(mine) == DK_KEY_RSA ? "RSA" : "Ed25519");
		return;
	}
	published = dk_key_public(r->type, r->key, r->key_n);
	if (published == NULL)
		error_add(errors, NULL, 0, "%s: the published key (p=) cannot be decoded", name);
	else if (!dk_key_same(published, mine))
		error_add(errors, NULL, 0, "%s: the published key (p=, %u bits) is not that of the file (%u bits)",
			  name, dk_key_bits(published), dk_key_bits(mine));
	dk_key_free(&published);
}

static void compare_record(const struct dns_record *txt, const struct dk_key *mine, const char *name, struct arena *a,
			   struct error_list *errors)
{
	struct dk_record r;
	const char *wrong = dk_record_read(&r, a, txt->text, txt->text_n);

	if (wrong != NULL) {
		error_add(errors, NULL, 0, "%s: verifiers cannot read the record: %s", name, wrong);
		return;
	}
	if (r.revoked)
		error_add(errors, NULL, 0, "%s: the record revokes the key (p= is empty)", name);
	else
		compare_key(&r, mine, name, errors);
	if (!r.sha256)
		error_add(errors, NULL, 0, "%s: the record does not allow sha256 (h=)", name);
	if (!r.email)
		error_add(errors, NULL, 0, "%s: the record is not for mail (s=)", name);
	if (r.testing)
		error_warn(errors, NULL, 0, "%s: the record says that the key is only being tested (t=y)", name);
}

static void compare(const struct dns_answer *answer, const struct dk_key *mine, const char *name, struct arena *a,
		    struct error_list *errors)
{
	switch (answer->status) {
	case DNS_FAILED:
		error_add(errors, NULL, 0, "%s: DNS does not answer: %s", name,
			  answer->why != NULL ? answer->why : "no answer");
		break;
	case DNS_NXDOMAIN:
		error_add(errors, NULL, 0, "%s: the name does not exist: nothing is published", name);
		break;
	case DNS_NODATA:
		error_add(errors, NULL, 0, "%s: the name has no TXT record", name);
		break;
	case DNS_OK:
		if (answer->n > 1)
			error_add(errors, NULL, 0, "%s: there are %u TXT records, and verifiers may take any", name,
				  answer->n);
		compare_record(&answer->v[0], mine, name, a, errors);
		break;
	}
}

int dk_admin_check(const struct dk_check *c, struct arena *a, const char **found, struct error_list *errors)
{
	const char *name = record_name(c->domain, c->selector, a, errors), *path = c->key;
	unsigned before = errors->errors;
	const struct dns_answer *answer;
	struct dk_key *mine;
	struct net_op *op;

	*found = NULL;
	if (name == NULL || (path == NULL && (path = find_path(c, a, errors)) == NULL) ||
	    (mine = dk_keyfile_open(path, errors)) == NULL)
		return -1;
	op = dns_ask(c->wait, name, DNS_TXT);
	(void)net_await(c->wait, &op, 1, c->deadline_ms);
	answer = dns_result(op);
	if (answer->status == DNS_OK)
		*found = arena_strndup(a, answer->v[0].text, answer->v[0].text_n);
	compare(answer, mine, name, a, errors);
	net_op_free(&op);
	dk_key_free(&mine);
	return errors->errors == before ? 0 : -1;
}
