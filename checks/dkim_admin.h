/*
 * DKIM keys for their administrator: `millgate dkim genkey|check`.
 */
#ifndef MILLGATE_CHECKS_DKIM_ADMIN_H
#define MILLGATE_CHECKS_DKIM_ADMIN_H

#include <stdbool.h>

#include "conf/conf.h"
#include "net/net.h"
#include "util/arena.h"
#include "util/error.h"
#include "util/sbuf.h"

struct dk_genkey {
	const char *domain, *selector;
	const char *algorithm; /* "rsa" or "ed25519"; NULL: rsa */
	const char *bits;      /* of an RSA key, as a number; NULL: 2048 */
	const char *out;       /* the file; NULL: DOMAIN.SELECTOR.pem in the current directory */
};

/*
 * Makes a key, writes it to a new file of mode 0600, and adds its record as a zone file has it to *record.  0, or -1 with
 * an error added; a file that is there already stays as it is.  *path is where the key is.
 */
int dk_admin_genkey(const struct dk_genkey *g, struct arena *a, const char **path, struct sbuf *record,
		    struct error_list *errors);

struct dk_check {
	const char *domain, *selector;
	const char *key;              /* the private key's file; NULL: dkim.sign's entry says it */
	const struct conf_node *root; /* the configuration */
	const char *conf;             /* its file, for relative paths */
	struct net_wait *wait;
	int64_t deadline_ms;
};

/*
 * Asks for the published record and compares it with the key: each difference is an error added, what is unwise a warning.
 * *found: the record's text, of the arena; NULL when there is none.  0 when they fit, or -1.
 */
int dk_admin_check(const struct dk_check *c, struct arena *a, const char **found, struct error_list *errors);

#endif
