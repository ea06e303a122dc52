/*
 * What a greylist entry is about, and its key in Redis: PREFIXgrey:{IDENTITY}:SENDER:RECIPIENT, each part percent-encoded,
 * so that a key can be read by people and taken apart again.
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

/* "192.0.2.0/24": the network that the address counts as; answers buf. */
const char *grey_network(const struct ip *ip, const struct grey_masks *masks, char buf[GREY_NET_SIZE]);

/*
 * Who the client is for greylisting, of the call's arena: the one place to change when an SPF domain or a confirmed name
 * is to stand for a whole pool of clients.  NULL when the client has no address, or when out of memory.
 */
const char *grey_identity(const struct check_call *c, const struct grey_masks *masks);

/*
 * The sender as it is compared: folded text in and out, of the arena.  The one place to change when senders that carry a
 * new word in each message (VERP, SRS, BATV) are to count as one.
 */
const char *grey_sender(struct arena *a, const char *folded, size_t n);

/* The triplet of a recipient's mail.  False when there is none: no client address, or out of memory. */
bool grey_triplet_of(const struct check_call *c, const struct grey_masks *masks, struct grey_triplet *t);

/* NULL when out of memory. */
const char *grey_key(struct arena *a, const char *prefix, const struct grey_triplet *t);

/* Takes a key apart, decoded, of the arena.  False when it is no greylist key with this prefix. */
bool grey_key_parse(struct arena *a, const char *prefix, const char *key, size_t n, struct grey_triplet *t);

/* A part of a key, encoded; an overlong one is cut and told apart by a digest of the whole. */
void grey_key_add_part(struct sbuf *b, const char *p, size_t n);

#endif
