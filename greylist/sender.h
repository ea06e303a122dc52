/*
 * Senders without what changes from message to message, so that a newsletter that writes each recipient's address or a
 * number into its envelope sender is one sender all the same.  Inside greylist/ only.
 */
#ifndef MILLGATE_GREYLIST_SENDER_H
#define MILLGATE_GREYLIST_SENDER_H

#include <stddef.h>

#include "util/arena.h"

/*
 * The sender as triplets hold it; folded text in and out, of the arena; NULL when out of memory.  recipient: whose
 * address may be embedded (VERP), folded, or NULL.  The domain stays.  What comes out comes out of itself again, so that an
 * administrator may name either form.
 *
 *   news-4711-bob=example.net@lists.example      news-#@lists.example           VERP; numbers
 *   srs0=hhhh=tt=example.org=alice@fwd.example   srs0=example.org=alice@...     SRS: without hash and day
 *   srs1=hhhh=a.example==hhhh=tt=b.example=eve@  srs1=a.example=b.example=eve@...
 *   prvs=1234abcdef=alice@example.org            alice@example.org              BATV; also btv1==, msprvs1=
 *   alice+shop@example.org                       alice@example.org
 *   0100018f-...-000000@amazonses.com            #@amazonses.com                UUIDs, long mixed tokens
 */
const char *grey_sender(struct arena *a, const char *sender, size_t n, const char *recipient);

/*
 * The mailbox behind an address: without BATV's tag and the +extension, and nothing else, since it is to name a person.
 * Not out of SRS either: there the domain is the forwarder's, and anybody could forge what it says of another.
 */
const char *grey_mailbox(struct arena *a, const char *address, size_t n);

#endif
