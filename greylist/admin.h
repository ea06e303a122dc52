/*
 * The greylist for its administrator: `millgate greylist list|show|allow|forget`, over triplets, known clients and
 * correspondents.  Walks the keys with SCAN, one page in memory at a time; what comes and goes meanwhile may be missed or
 * met twice, as SCAN has it.
 */
#ifndef MILLGATE_GREYLIST_ADMIN_H
#define MILLGATE_GREYLIST_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include "greylist/greylist.h"
#include "greylist/key.h"
#include "greylist/met.h"
#include "greylist/script.h"
#include "net/net.h"
#include "util/error.h"
#include "util/sbuf.h"

/* What all of these need.  One thread at a time. */
struct grey_admin {
	struct net_wait *wait;
	const char *prefix; /* redis.prefix */
	const struct grey_settings *settings;
	int64_t timeout_ms; /* for one round trip */
};

/*
 * Which keys, part by part as the kind has them: NULL or "*" means any; "*" within a pattern any number of letters; "<>"
 * the null sender.  An address of a client means its network.
 */
struct grey_pattern {
	const char *part[GREY_PARTS];
};

/* The days of a client that is known by hand: more than known_after can ask for. */
enum { GREY_TRUSTED = 1000 };

enum grey_state_of { GREY_WAITING, GREY_READY, GREY_PASSED };

struct grey_entry {
	enum grey_kind kind;
	const char *part[GREY_PARTS]; /* decoded; from the wire: escape before use */
	int64_t now_ms;               /* Redis's clock, as the times are */
	int64_t ttl_ms;               /* until it is forgotten; -1: never (not by our doing) */

	/* TRIPLETS */
	enum grey_state_of state; /* READY: the next attempt passes */
	int64_t wait_ms;          /* WAITING: until it is READY */
	struct grey_record record;

	/* CLIENTS; and, of the client of a triplet shown in full, 0 when there is none. */
	int64_t count, needed;
	int64_t client_ttl_ms;

	/* TRIPLETS in full: whom the recipient has written to. */
	const char *remote[GREY_MET_KEYS]; /* NULL: nobody */
	int64_t met_ttl_ms[GREY_MET_KEYS];
};

/* Called for each entry; what it is given lives until it returns.  False ends the walk. */
typedef bool (*grey_entry_fn)(void *ctx, const struct grey_entry *e);

/* 0, or -1 with an error added (Redis away); entries met before it have been handed out.  in_full: of triplets also
 * what else bears on them. */
int grey_admin_list(const struct grey_admin *g, enum grey_kind kind, const struct grey_pattern *p, bool in_full,
		    grey_entry_fn fn, void *ctx, struct error_list *errors);

/* Lets through from now on; what is named without any "*" is made when it is not there.  *n counts them. */
int grey_admin_allow(const struct grey_admin *g, enum grey_kind kind, const struct grey_pattern *p, uint64_t *n,
		     struct error_list *errors);

/* Deletes keys: what comes next is new.  *n counts them. */
int grey_admin_forget(const struct grey_admin *g, enum grey_kind kind, const struct grey_pattern *p, uint64_t *n,
		      struct error_list *errors);

/* An entry on one line; in full; as a JSON object, in full or not. */
void grey_entry_line(const struct grey_entry *e, struct sbuf *out);
void grey_entry_text(const struct grey_entry *e, struct sbuf *out);
void grey_entry_json(const struct grey_entry *e, struct sbuf *out);

#endif
