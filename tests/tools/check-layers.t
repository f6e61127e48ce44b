#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The include rules of DESIGN.md: who stands on whom, and third-party headers behind one module each.
use strict;
use warnings;
use File::Find;
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Test::More;

my $source = $ENV{VEDETTE_SOURCE} // do { require Cwd; require File::Basename; Cwd::abs_path(File::Basename::dirname(__FILE__) . '/../..') };

# What files below a folder may include of ours; the longest folder that fits counts.
my %ours = (
    'protocol/base'   => [qw(protocol/base)],
    'protocol/wire'   => [qw(protocol/wire)],
    'protocol/codec'  => [qw(protocol/codec protocol/wire)],
    'protocol/launch' => [qw(protocol/launch protocol/base)],
    'protocol/video'  => [qw(protocol/video protocol/codec protocol/wire)],
    'protocol/link'   => [qw(protocol/link protocol/wire protocol/base)],
    'broker'          => [qw(broker protocol)],
    'hostd'           => [qw(hostd protocol)],
    'client'          => [qw(client protocol)],
    'client/web'      => [qw(client/web protocol/wire protocol/codec)],
);

# Where a third-party header may be included (outside tests).
my @third_party = (
    [qr{^libwebsockets},                'protocol/link/', 'broker/gateway/'],
    [qr{^openssl/},                     'protocol/link/'],
    [qr{^security/},                    'broker/pam/'],
    [qr{^(sqlite3|libpq|postgres)},     'broker/store/'],
    [qr{^(gtk|gdk|graphene|gsk)/},      'client/native/'],
    [qr{^curl/},                        'client/native/api'],
    [qr{^png\.h},                       'client/native/png'],
    [qr{^(zstd|xxhash|turbojpeg)},      'protocol/codec/'],
    [qr{^archive},                      'hostd/image/tar'],
    [qr{^libxml/},                      'hostd/image/ovf'],
    [qr{^(spice|channel-)},             'hostd/streamer/capture-spice', 'hostd/streamer/spice-'],
    [qr{^(xcb|X11)/},                   'hostd/streamer/capture-x11', 'hostd/streamer/x11-', 'client/native/paint'],
    [qr{^gst/},                         'protocol/video/'],
    [qr{^seccomp\.h},                   'protocol/', 'broker/', 'hostd/'],
    [qr{^jansson\.h},                   'protocol/link/', 'broker/', 'hostd/', 'client/'],
    [qr{^(glib|gio|gmodule|gobject)},   'protocol/link/', 'protocol/video/', 'broker/', 'hostd/', 'client/'],
);

# The C library and the kernel, by name: anything else in a pure folder is a third party.
my $libc = qr{^(?:(?:sys|linux|netinet|arpa|net|asm)/[\w/.-]+
    |assert|ctype|dirent|endian|errno|fcntl|fnmatch|getopt|glob|grp|inttypes|libgen|limits|locale|malloc|math
    |netdb|poll|pthread|pwd|sched|setjmp|signal|spawn|stdalign|stdarg|stdatomic|stdbool|stddef|stdint
    |stdio|stdlib|string|strings|syslog|termios|threads|time|unistd|wchar)(?:\.h)?$}x;
my %pure = (
    'protocol/base'   => [],
    'protocol/wire'   => [],
    'protocol/launch' => [],
    'protocol/codec'  => [qr{^(zstd|xxhash|turbojpeg)}, qr{^immintrin\.h}], # the compiler's own
);

sub files_of {
    my ($root) = @_;
    my @files;
    for my $folder (qw(protocol broker hostd client)) {
        next unless -d "$root/$folder";
        find({ no_chdir => 1, wanted => sub {
            push @files, substr($_, length($root) + 1) if /\.[ch]$/ && -f;
        } }, "$root/$folder");
    }
    return sort @files;
}

# The folder of %$table that holds the file, or undef.
sub layer_of {
    my ($file, $table) = @_;
    my ($layer) = sort { length $b <=> length $a } grep { index($file, "$_/") == 0 } keys %$table;
    return $layer;
}

sub check_ours {
    my ($root, $file, $included) = @_;
    my $layer = layer_of($file, \%ours) // return "lies in no known layer";
    return "\"$included\" names no folder" unless $included =~ m{/};
    return "\"$included\" is below tests" if $included =~ m{^tests/};
    return undef if grep { index($included, "$_/") == 0 } @{ $ours{$layer} };
    return "\"$included\" is not below " . join(' or ', @{ $ours{$layer} });
}

sub check_third_party {
    my ($file, $included) = @_;
    my $pure = layer_of($file, \%pure);
    if (defined $pure && $included !~ $libc && !grep { $included =~ $_ } @{ $pure{$pure} }) {
        return "<$included> in $pure";
    }
    for my $rule (@third_party) {
        my ($pattern, @places) = @$rule;
        next unless $included =~ $pattern;
        return undef if grep { index($file, $_) == 0 } @places;
        return "<$included> belongs to @places";
    }
    return undef;
}

# All violations below root, one line each.
sub violations {
    my ($root) = @_;
    my @found;
    for my $file (files_of($root)) {
        open my $handle, '<', "$root/$file" or die "$file: $!";
        while (my $line = <$handle>) {
            next unless $line =~ /^\s*#\s*include\s+(["<])([^">]+)[">]/;
            my $problem = $1 eq '"' ? check_ours($root, $file, $2) : check_third_party($file, $2);
            push @found, "$file:$.: $problem" if defined $problem;
        }
        close $handle;
    }
    return @found;
}

# A planted tree: a test that cannot fail is no test.
sub planted {
    my ($file, $text) = @_;
    my $root = tempdir(CLEANUP => 1);
    my ($folder) = $file =~ m{(.*)/};
    make_path("$root/$folder");
    open my $handle, '>', "$root/$file" or die $!;
    print $handle $text;
    close $handle;
    return scalar violations($root);
}

is(planted('hostd/a.c', qq{#include "broker/b.h"\n}), 1, 'hostd must not include broker');
is(planted('protocol/wire/a.c', qq{#include "protocol/base/log.h"\n}), 1, 'wire must not include base');
is(planted('protocol/wire/a.c', qq{#include <glib.h>\n}), 1, 'wire must not include GLib');
is(planted('broker/a.c', qq{#include <libwebsockets.h>\n}), 1, 'lws is behind link and gateway');
is(planted('client/a.c', qq{#include "client.h"\n}), 1, 'our includes name their folder');
is(planted('broker/a.c', qq{#include <glib.h>\n#include "protocol/wire/record.h"\n}), 0, 'what is allowed passes');

my @files = files_of($source);
cmp_ok(scalar @files, '>', 30, 'there are source files to look at');
my @found = violations($source);
is(scalar @found, 0, 'the tree keeps its layers') or diag(join("\n", @found));
done_testing();
