noinst_LIBRARIES += libgreylist.a
libgreylist_a_SOURCES =
