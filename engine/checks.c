#include "engine/checks.h"

#include <stddef.h>

#include "checks/dkim.h"
#include "checks/dmarc.h"
#include "checks/dnsbl.h"
#include "checks/dnsbl_domain.h"
#include "checks/fcrdns.h"
#include "checks/harvest.h"
#include "checks/limits.h"
#include "checks/lists.h"
#include "checks/rates.h"
#include "checks/sender_domain.h"
#include "checks/spf.h"
#include "greylist/greylist.h"

const struct check *const engine_checks[] = {
	&limits_check,        &allow_check, &deny_clients_check,   &deny_senders_check, &harvest_check,
	&fcrdns_check,        &dnsbl_check, &dnsbl_envelope_check, &spf_check,          &dkim_check,
	&sender_domain_check, &rates_check, &volume_check,         &greylist_check,     &dmarc_check,
	&dnsbl_message_check, NULL,
};

const struct finisher *const engine_finishers[] = {
	&dk_finisher,
	&grey_learner,
	NULL,
};
