/*
 * The limits of control/, each with its reason.
 */
#ifndef MILLGATE_CONTROL_LIMITS_H
#define MILLGATE_CONTROL_LIMITS_H

enum {
	/* Two, so that a ping is answered while a reload compiles. */
	CONTROL_WORKERS = 2,
	/* Commands are one word. */
	CONTROL_REQUEST_MAX = 256,
	/* One error's line in the log: file, line and text. */
	CONTROL_REPORT_MAX = 2048,
};

#endif
