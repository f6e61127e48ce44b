#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# make-table.pl OUT.c FILE...: writes the files of the page as a C table, plain and compressed.
#
# Each FILE is PATH=FILENAME: the path of the URL and where its bytes are. The tag of a file is its
# digest, so that a browser keeps what has not changed.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use IO::Compress::Gzip qw(gzip $GzipError Z_BEST_COMPRESSION);

my %types = (
    css  => 'text/css; charset=utf-8',
    html => 'text/html; charset=utf-8',
    js   => 'text/javascript; charset=utf-8',
    json => 'application/json',
    png  => 'image/png',
    svg  => 'image/svg+xml',
    txt  => 'text/plain; charset=utf-8',
    wasm => 'application/wasm',
);

sub array {
    my ($name, $bytes) = @_;
    my @lines = map { join(',', unpack('C*', $_)) } unpack('(a64)*', $bytes);
    return "static const uint8_t ${name}[] = {\n" . join(",\n", @lines) . "};\n";
}

my ($out, @files) = @ARGV;
die "usage: make-table.pl OUT.c PATH=FILE...\n" unless @files;
my ($arrays, $rows, $number, $total) = ('', '', 0, 0);
for my $file (@files) {
    my ($path, $name) = split /=/, $file, 2;
    open(my $in, '<:raw', $name) or die "$name: $!\n";
    my $bytes = do { local $/; <$in> };
    close $in;
    my ($ending) = ($path eq '/' ? 'html' : $path =~ /\.([a-z]+)$/);
    my $type = $types{$ending // ''} or die "$path: no type for this ending\n";
    gzip(\$bytes => \my $packed, -Level => Z_BEST_COMPRESSION, -Minimal => 1) or die "$path: $GzipError\n";
    my $tag = substr(sha256_hex($bytes), 0, 32);
    $arrays .= array("plain_$number", $bytes) . array("packed_$number", $packed);
    $rows .= "    {\"$path\", \"$type\", \"\\\"$tag\\\"\", plain_$number, sizeof(plain_$number), "
        . "packed_$number, sizeof(packed_$number)},\n";
    $total += length $packed;
    $number++;
}
open(my $c, '>', "$out.new") or die "$out: $!\n";
print $c "/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by make-table.pl; $number files, $total bytes compressed. */\n",
    "#include \"broker/gateway/page.h\"\n\n", $arrays,
    "\nconst struct gateway_page gateway_pages[] = {\n", $rows, "};\n",
    "const size_t gateway_page_count = $number;\n";
close $c or die "$out: $!\n";
rename "$out.new", $out or die "$out: $!\n";
