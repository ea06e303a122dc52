noinst_LIBRARIES += libchecks.a
libchecks_a_SOURCES =
