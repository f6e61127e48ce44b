#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What documents say is so, and what every source file must have or must not have.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

my $source = $ENV{VEDETTE_SOURCE} // abs_path(dirname(__FILE__) . '/../..');
chdir $source or die "$source: $!";

sub slurp {
    my ($path) = @_;
    local $/;
    open my $handle, '<', $path or die "$path: $!";
    return scalar <$handle>;
}

# Files of ours with an extension of the list.
sub tracked {
    my ($pattern) = @_;
    my @files = -e '.git' ? split(/\n/, `git ls-files --cached --others --exclude-standard`)
                          : split(/\n/, `find . -type f -printf '%P\\n'`);
    return grep { $_ =~ $pattern && -f $_ && !m{^tests/(fuzz/corpus|vectors/)} } @files;
}

# PROTOCOL.md has the table that the list gives, word for word.
my $protocol = slurp('docs/PROTOCOL.md');
my $table = `tests/tools/message-table.sh`;
cmp_ok(scalar(() = $table =~ /\n/g), '>', 10, 'the list has messages');
ok(index($protocol, $table) >= 0, 'PROTOCOL.md has the table of messages.list.h')
    or diag('replace it by the output of tests/tools/message-table.sh');

# Every record type and error that a peer can meet is explained by name outside the table, too.
my $text = $protocol;
$text =~ s/\Q$table\E//;
my @unexplained = grep { $text !~ /\b$_\b/ } slurp('protocol/wire/messages.list.h') =~ /^VDP_MESSAGE\((\w+)/mg;
is("@unexplained", '', 'PROTOCOL.md explains every message');

{
    my $architecture = slurp('docs/ARCHITECTURE.md');
    my %named;
    while ($architecture =~ m{((?:protocol|broker|hostd|client|themes|tests|docs|po|m4|\.ci)/[\w./\[\]*-]*[\w/\]*])}g) {
        $named{$1} = 1;
    }
    cmp_ok(scalar keys %named, '>', 5, 'ARCHITECTURE.md names paths');
    my @missing = grep { my @found = glob($_); !@found || grep { !-e } @found } sort keys %named;
    is("@missing", '', 'every path that ARCHITECTURE.md names exists');
}

my $kinds = qr{\.(?:c|h|am|ac|m4|sh|t|py|js|mjs|css|ts|recipe|mk)$|^\.ci/run$};
my @nolicence = grep { join('', (split /\n/, slurp($_), 4)[0 .. 2]) !~ /SPDX-License-Identifier: Apache-2\.0/ }
    grep { -s } tracked($kinds);
is("@nolicence", '', 'every source file says its licence in its first lines');

# Comments may speak of these functions; code may not call them.
my $banned = qr/(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|strncpy|alloca|system|popen|sleep)\s*\(/;
my (@calls, @words);
for my $file (tracked(qr/\.[ch]$/)) {
    my $code = slurp($file);
    push @words, "$file: $1" while $code =~ /\b(TODO|FIXME|XXX)\b/g;
    $code =~ s{(/\*.*?\*/|"(?:[^"\\\n]|\\.)*")}{ my $gone = $1; $gone =~ s/[^\n]//g; $gone }gse;
    next if $file =~ m{^tests/fakes/};
    my $line = 0;
    for (split /\n/, $code) {
        $line++;
        push @calls, "$file:$line: $1" if /$banned/;
    }
}
is(join("\n", @calls), '', 'no banned function is called');
is(join("\n", @words), '', 'no comment puts work off');
like('x = atoi(y);', $banned, 'a banned call would be seen');
unlike('my_system(x); a->sleep(1); g_popen(2);', $banned, 'other names would not');
done_testing();
