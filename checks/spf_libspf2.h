/*
 * check_host() by libspf2: a second opinion, within the limits that the library itself does not keep.
 */
#ifndef MILLGATE_CHECKS_SPF_LIBSPF2_H
#define MILLGATE_CHECKS_SPF_LIBSPF2_H

#include "checks/spf_eval.h"

/* As spf_check_host(); the path of terms stays empty, since the library does not tell it. */
void spf_libspf2_check_host(const struct spf_query *q, const struct spf_dns *dns, struct arena *a,
			    struct spf_answer *out);

#endif
