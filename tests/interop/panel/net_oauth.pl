# Perl's Net::OAuth: one tab-separated request a line in, one signature a line out.
use strict;
use warnings;
use Net::OAuth;
use URI::Escape qw(uri_unescape);

$Net::OAuth::PROTOCOL_VERSION = Net::OAuth::PROTOCOL_VERSION_1_0A;
binmode STDIN, ':encoding(UTF-8)';
if (@ARGV && $ARGV[0] eq '--version') { print "Net::OAuth $Net::OAuth::VERSION client\n"; exit }
$| = 1;

sub decode_form {
    my %pairs;
    for my $piece (split /&/, shift) {
        my ($name, $value) = split /=/, $piece, 2;
        for ($name, $value) { $_ //= ''; tr/+/ /; $_ = uri_unescape($_); utf8::decode($_) }
        $pairs{$name} = $value;    # Net::OAuth takes a map, so a repeated name cannot be given
    }
    return \%pairs;
}

while (my $line = <STDIN>) {
    chomp $line;
    my ($method, $url, $form, $client_id, $client_secret, $token, $token_secret, $timestamp, $nonce) =
        split /\t/, $line, -1;
    my $signature = eval {
        my $request = Net::OAuth->request($token eq '' ? 'consumer' : 'protected resource')->new(
            consumer_key => $client_id, consumer_secret => $client_secret,
            ($token eq '' ? () : (token => $token, token_secret => $token_secret)),
            request_url => $url, request_method => $method, signature_method => 'HMAC-SHA1',
            timestamp => $timestamp, nonce => $nonce, extra_params => decode_form($form),
        );
        $request->sign;
        $request->signature;
    };
    print defined $signature ? "$signature\n" : "refused\n";
}
