# libcurl: mail that the daemon sends itself, by SMTP.
AC_DEFUN([MG_LIBCURL], [MG_PKG([CURL], [libcurl >= 7.68], [libcurl4-openssl-dev])])
