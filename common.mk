# SPDX-License-Identifier: Apache-2.0
# Included by every Makefile.am: one include path, one set of warnings, config.h before anything.
AM_CPPFLAGS = -I$(top_srcdir) -I$(top_builddir) -include config.h
AM_CFLAGS = -std=gnu11 $(WARN_CFLAGS) $(SAN_CFLAGS) $(GLIB_CFLAGS) $(JANSSON_CFLAGS)
AM_LDFLAGS = $(SAN_CFLAGS)

# The libraries of the tree in link order; a program names the ones it stands on.
LIBBASE = $(top_builddir)/protocol/base/libvdbase.a
LIBWIRE = $(top_builddir)/protocol/wire/libvdpwire.a
LIBCODEC = $(top_builddir)/protocol/codec/libvdpcodec.a $(JPEG_LIBS)
# The same for who checks pictures and makes none: nothing of it then wants the JPEG library.
LIBCHECK = $(top_builddir)/protocol/codec/libvdpcodec.a
# Before LIBCODEC.
LIBVIDEO = $(top_builddir)/protocol/video/libvdpvideo.a
LIBLINK = $(top_builddir)/protocol/link/libvdplink.a
LIBLAUNCH = $(top_builddir)/protocol/launch/libvdlaunch.a
LIBSTORE = $(top_builddir)/broker/store/libbrokerstore.a
LIBBROKER = $(top_builddir)/broker/libbroker.a $(LIBLAUNCH) $(LIBCHECK) $(LIBWIRE)
