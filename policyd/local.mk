# The front end of Postfix's policy protocol.
noinst_LIBRARIES += libpolicyd.a
libpolicyd_a_SOURCES = \
	policyd/answer.c policyd/answer.h \
	policyd/limits.h \
	policyd/path.c policyd/path.h \
	policyd/policyd.c policyd/policyd.h \
	policyd/request.c policyd/request.h \
	policyd/table.c policyd/table.h \
	policyd/txn.c policyd/txn.h
