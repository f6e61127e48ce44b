#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# make-catalogue.pl FILE.po: prints the translations as JSON, {text: translation}, for the page.
use strict;
use warnings;
use JSON::PP;

my ($name) = @ARGV;
open(my $in, '<:encoding(UTF-8)', $name) or die "$name: $!\n";
my (%texts, %entry, $key);
my %escapes = (n => "\n", t => "\t", '"' => '"', '\\' => '\\');

sub finish {
    my ($id, $text) = @entry{qw(msgid msgstr)};
    $texts{$id} = $text if defined $id && $id ne '' && defined $text && $text ne '';
    %entry = ();
}

while (my $line = <$in>) {
    next if $line =~ /^#/;
    if ($line =~ /^(msgid|msgstr)\s+/) {
        $key = $1;
        finish() if $key eq 'msgid';
    }
    next unless defined $key && $line =~ /"((?:[^"\\]|\\.)*)"\s*$/;
    my $part = $1;
    $part =~ s/\\(.)/$escapes{$1} \/\/ $1/ge;
    $entry{$key} = ($entry{$key} // '') . $part;
}
finish();
print JSON::PP->new->canonical->utf8->encode(\%texts), "\n";
