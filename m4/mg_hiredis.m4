# hiredis: the Redis client; its libevent adapter is a header.
AC_DEFUN([MG_HIREDIS], [MG_PKG([HIREDIS], [hiredis >= 0.14], [libhiredis-dev])])
