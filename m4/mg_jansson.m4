# jansson: the JSON in the journal's entries, read back.
AC_DEFUN([MG_JANSSON], [MG_PKG([JANSSON], [jansson >= 2.12], [libjansson-dev])])
