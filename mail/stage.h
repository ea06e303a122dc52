/*
 * The stages of a transaction, in the order in which SMTP reaches them (RFC 5321, section 3; END is the end of message).
 */
#ifndef MILLGATE_MAIL_STAGE_H
#define MILLGATE_MAIL_STAGE_H

enum stage {
	STAGE_CONNECT,
	STAGE_HELO,
	STAGE_MAIL,
	STAGE_RCPT,
	STAGE_DATA,
	STAGE_HEADERS,
	STAGE_BODY,
	STAGE_END,
	STAGE_COUNT
};

/* "CONNECT", "HELO", ...: as logs and `millgate rules` show them. */
const char *stage_name(enum stage s);

#endif
