/*
 * sender_login: which address is whose.  Inside checks/ only.
 */
#ifndef MILLGATE_CHECKS_DKIM_LOGIN_H
#define MILLGATE_CHECKS_DKIM_LOGIN_H

#include <stdbool.h>

#include "conf/conf.h"
#include "mail/fact.h"
#include "util/error.h"

struct dk_logins;

/* Reads "address: login, login" and "@domain: login".  NULL with errors added.  Look-ups write nothing. */
struct dk_logins *dk_logins_new(const struct conf_strings *lines, struct arena *a, struct error_list *errors);
void dk_logins_free(struct dk_logins **l);

/*
 * Whether mail with this address in From may be signed: `user` is the login, or NULL when nobody logged in.  A login may
 * use its own addresses alone; who is trusted without one may use those that nobody owns.
 */
bool dk_logins_allow(const struct dk_logins *l, const struct fact_text *address, const struct fact_text *user);

#endif
