/*
 * What the files that handle a session's events share.  Inside engine/ only.
 */
#ifndef MILLGATE_ENGINE_EVENTS_H
#define MILLGATE_ENGINE_EVENTS_H

#include "engine/session.h"

/* Around every event: takes the session's lock and sets the event's deadline. */
void event_begin(struct engine_session *s);
void event_end(struct engine_session *s);

void answer_from(const struct decision *d, struct answer *a);
void answer_continue(struct answer *a);

/* Whether a refusal may be given at this stage, before RCPT.  Postfix's first question is about a recipient, as a rule: then
 * that is early enough, and nothing is waited for before. */
bool session_decides_at(const struct engine_session *s, enum stage stage);

/* Whether the session was refused before MAIL: then *a says so again. */
bool session_refused(struct engine_session *s, struct answer *a);

#endif
