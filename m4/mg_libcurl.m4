# libcurl: mail that the daemon sends itself, by SMTP.  From 7.84 on its own start is safe among threads.
AC_DEFUN([MG_LIBCURL], [MG_PKG([CURL], [libcurl >= 7.84], [libcurl4-openssl-dev])])
