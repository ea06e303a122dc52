/*
 * A request of the policy protocol: lines NAME=VALUE, ended by an empty one.  Only policyd/ includes this.
 */
#ifndef MILLGATE_POLICYD_REQUEST_H
#define MILLGATE_POLICYD_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "mail/stage.h"
#include "util/ip.h"

/* The attributes that are read, in the order in which Postfix sends them: the enumerator is POLICYD_ and the name. */
#define POLICYD_ATTRIBUTES(A)                                                                                          \
	A(request)                                                                                                     \
	A(protocol_state)                                                                                              \
	A(client_address)                                                                                              \
	A(client_name)                                                                                                 \
	A(client_port)                                                                                                 \
	A(reverse_client_name)                                                                                         \
	A(server_address)                                                                                              \
	A(server_port)                                                                                                 \
	A(helo_name)                                                                                                   \
	A(sender)                                                                                                      \
	A(recipient)                                                                                                   \
	A(recipient_count)                                                                                             \
	A(queue_id)                                                                                                    \
	A(instance)                                                                                                    \
	A(size)                                                                                                        \
	A(sasl_username)                                                                                               \
	A(encryption_protocol)

#define POLICYD_ENUM_(name) POLICYD_##name,
enum policyd_attribute { POLICYD_ATTRIBUTES(POLICYD_ENUM_) POLICYD_N_ATTRIBUTES };

struct policyd_request {
	const char *v[POLICYD_N_ATTRIBUTES]; /* missing ones are "" */
	enum stage stage;                    /* RCPT, DATA, END; what comes before the recipients is CONNECT */
	struct ip client;                    /* IP_NONE: Postfix does not know it */
	unsigned client_port, server_port, recipient_count; /* 0: not told */
	int64_t size;
	int64_t mail_ms; /* when the client said MAIL, by the clock of Postfix's machine; 0: not told */
};

/* As struct net_server_options wants it. */
ptrdiff_t policyd_split(const char *p, size_t n);

/*
 * Reads a whole request, and writes a NUL behind each value: r points into it.  NULL; or what is wrong with it (static):
 * then it must not be answered as if it had been understood.  Of an attribute that comes twice the first one counts.
 */
const char *policyd_parse(struct policyd_request *r, char *p, size_t n);

#endif
