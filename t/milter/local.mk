# The milter protocol: an MTA of our own, and what millgated answers it.
check_LIBRARIES += libmta.a
libmta_a_SOURCES = t/lib/mta.c t/lib/mta.h

check_PROGRAMS += t/milter/mtatalk
t_milter_mtatalk_SOURCES = t/milter/mtatalk.c
t_milter_mtatalk_LDADD = libmta.a

milter_tests = t/milter/load.py t/milter/matrix.py t/milter/miltertest.py t/milter/session.py
TESTS += $(milter_tests)
EXTRA_DIST += $(milter_tests) t/milter/talk.py t/milter/edits.lua t/milter/lib.lua t/milter/refusals.lua
