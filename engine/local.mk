noinst_LIBRARIES += libengine.a
libengine_a_SOURCES = \
	engine/checks.c engine/checks.h \
	engine/connections.c \
	engine/decide.c \
	engine/engine.c engine/engine.h \
	engine/events.h \
	engine/facts.c \
	engine/headers.c \
	engine/loop.c engine/loop.h \
	engine/merge.c \
	engine/needs.c \
	engine/record.c \
	engine/reply.c \
	engine/session.c engine/session.h \
	engine/settings.c engine/settings.h \
	engine/snapshot.c engine/snapshot.h \
	engine/transaction.c \
	engine/who.c
