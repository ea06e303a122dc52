/*
 * The greylist for its administrator: `millgate greylist list|show|allow|forget`.  Walks the entries with SCAN, one page
 * in memory at a time; entries that come and go meanwhile may be missed or met twice, as SCAN has it.
 */
#ifndef MILLGATE_GREYLIST_ADMIN_H
#define MILLGATE_GREYLIST_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include "greylist/greylist.h"
#include "greylist/key.h"
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
 * Which entries: NULL or "*" means any; "*" within a pattern any number of letters; "<>" the null sender.  An address of
 * a client means its network.
 */
struct grey_pattern {
	const char *identity, *sender, *recipient;
};

enum grey_state_of { GREY_WAITING, GREY_READY, GREY_PASSED };

struct grey_entry {
	struct grey_triplet triplet; /* decoded; from the wire: escape before use */
	enum grey_state_of state;    /* READY: the next attempt passes */
	int64_t now_ms;              /* Redis's clock, as the times are */
	int64_t first_ms, last_ms;   /* 0: unknown */
	int64_t wait_ms;             /* WAITING: until it is READY */
	int64_t ttl_ms;              /* until it is forgotten; -1: never (not by our doing) */
	int64_t attempts, passes;
};

/* Called for each entry; what it is given lives until it returns.  False ends the walk. */
typedef bool (*grey_entry_fn)(void *ctx, const struct grey_entry *e);

/* 0, or -1 with an error added (Redis away); entries met before it have been handed out. */
int grey_admin_list(const struct grey_admin *g, const struct grey_pattern *p, grey_entry_fn fn, void *ctx,
		    struct error_list *errors);

/* Lets entries pass from now on; one that is named without any "*" is made when it is not there.  *n counts them. */
int grey_admin_allow(const struct grey_admin *g, const struct grey_pattern *p, uint64_t *n, struct error_list *errors);

/* Deletes entries: what comes next is new.  *n counts them. */
int grey_admin_forget(const struct grey_admin *g, const struct grey_pattern *p, uint64_t *n, struct error_list *errors);

/* An entry on one line; in full; as a JSON object. */
void grey_entry_line(const struct grey_entry *e, struct sbuf *out);
void grey_entry_text(const struct grey_entry *e, struct sbuf *out);
void grey_entry_json(const struct grey_entry *e, struct sbuf *out);

#endif
