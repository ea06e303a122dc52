/*
 * The keys of the greylist in Redis, each part percent-encoded, so that a key can be read by people and taken apart again:
 *
 *   PREFIXgrey:{IDENTITY}:SENDER:RECIPIENT    a triplet
 *   PREFIXknown:{IDENTITY}:SENDER DOMAIN      a client that proves itself; in one slot of a cluster with its triplets
 *   PREFIXmet:{REMOTE}:LOCAL                  a correspondent: REMOTE is an address or a domain
 */
#ifndef MILLGATE_GREYLIST_KEY_H
#define MILLGATE_GREYLIST_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "mail/check.h"
#include "util/arena.h"
#include "util/ip.h"
#include "util/sbuf.h"

enum { GREY_NET_SIZE = IP_TEXT_SIZE + 4 }; /* "/128" */

struct grey_masks {
	unsigned v4, v6; /* bits */
};

struct grey_triplet {
	const char *identity, *sender, *recipient; /* sender "" is the null sender */
};

/* What a key is of, and the parts it has. */
enum grey_kind { GREY_TRIPLETS, GREY_CLIENTS, GREY_CORRESPONDENTS, GREY_KINDS };
enum { GREY_PARTS = 3 };

/* How many parts keys of that kind have. */
unsigned grey_key_parts(enum grey_kind kind);

/* "192.0.2.0/24": the network that the address counts as; answers buf. */
const char *grey_network(const struct ip *ip, const struct grey_masks *masks, char buf[GREY_NET_SIZE]);

/* NULL when out of memory. */
const char *grey_key(struct arena *a, const char *prefix, enum grey_kind kind, const char *const parts[GREY_PARTS]);
const char *grey_key_triplet(struct arena *a, const char *prefix, const struct grey_triplet *t);

/* Takes a key apart, decoded, of the arena; parts that the kind has not are "".  False when it is no such key. */
bool grey_key_parse(struct arena *a, const char *prefix, enum grey_kind kind, const char *key, size_t n,
		    const char *parts[GREY_PARTS]);

/* "grey:{", "known:{", "met:{": what stands between the prefix and the first part. */
const char *grey_key_tag(enum grey_kind kind);

/* A part of a key, encoded; an overlong one is cut and told apart by a digest of the whole. */
void grey_key_add_part(struct sbuf *b, const char *p, size_t n);

#endif
