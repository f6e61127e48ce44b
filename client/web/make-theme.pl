#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# make-theme.pl css|json THEME.ini: a theme's colours as CSS variables, or its texts as JSON.
use strict;
use warnings;
use JSON::PP;

my ($what, $name) = @ARGV;
my (%theme, $group);
open(my $in, '<:encoding(UTF-8)', $name) or die "$name: $!\n";
while (my $line = <$in>) {
    if ($line =~ /^\[(\w+)\]/) {
        $group = $1;
    } elsif (defined $group && $line =~ /^(\w+(?:\[\w+\])?)=(.*?)\s*$/) {
        $theme{$group}{$1} = $2;
    }
}

# A colour that is none would end the rule, and with it the page's dress.
sub variables {
    my ($colours) = @_;
    return join '', map {
        my ($key, $value) = ($_, $colours->{$_});
        die "$name: $key is no colour: $value\n" unless $value =~ /^(?:#[0-9a-fA-F]{3,8}|[a-z]+|rgba?\([0-9., %]+\))$/;
        $key =~ tr/_/-/;
        "  --$key: $value;\n";
    } sort keys %$colours;
}

if ($what eq 'css') {
    print "/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by make-theme.pl from theme.ini. */\n",
        ":root {\n  color-scheme: light dark;\n", variables($theme{Light}), "}\n",
        "\@media (prefers-color-scheme: dark) {\n:root {\n", variables($theme{Dark}), "}\n}\n";
} else {
    my %texts = map { $_ => $theme{Theme}{$_} } grep { /^(?:Title|Greeting|Footer)/ } keys %{ $theme{Theme} };
    print JSON::PP->new->canonical->utf8->encode(\%texts), "\n";
}
