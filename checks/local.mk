# checks/: one file per check.

noinst_LIBRARIES += libchecks.a
libchecks_a_SOURCES = \
	checks/common.c \
	checks/common.h \
	checks/dnsbl.c \
	checks/dnsbl.h \
	checks/dnsbl_codes.c \
	checks/dnsbl_codes.h \
	checks/dnsbl_zones.c \
	checks/dnsbl_zones.h \
	checks/fcrdns.c \
	checks/fcrdns.h \
	checks/limits.c \
	checks/limits.h \
	checks/lists.c \
	checks/lists.h \
	checks/rates.c \
	checks/rates.h \
	checks/rates_def.c \
	checks/rates_def.h
