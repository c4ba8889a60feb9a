<?php
// The client of PHP's oauth extension: one tab-separated request a line in, one signature a line out.
declare(strict_types=1);

if (($argv[1] ?? '') === '--version') {
    echo 'php-oauth ', phpversion('oauth'), " client\n";
    exit(extension_loaded('oauth') ? 0 : 1);
}

/** A map, as the extension wants it: a repeated name stands once. (`parse_str` would rewrite names.) */
function decode_form(string $form): array
{
    $pairs = [];
    foreach (array_filter(explode('&', $form)) as $piece) {
        [$name, $value] = explode('=', $piece, 2) + [1 => ''];
        $pairs[urldecode($name)] = urldecode($value);
    }
    return $pairs;
}

while (($line = fgets(STDIN)) !== false) {
    [$method, $url, $form, $client_id, $client_secret, $token, $token_secret, $timestamp, $nonce]
        = explode("\t", rtrim($line, "\n"));
    try {
        $oauth = new OAuth($client_id, $client_secret, OAUTH_SIG_METHOD_HMACSHA1);
        if ($token !== '') {
            $oauth->setToken($token, $token_secret);
        }
        $oauth->setTimestamp($timestamp);
        $oauth->setNonce($nonce);
        echo $oauth->generateSignature($method, $url, decode_form($form)), "\n";
    } catch (Throwable) {
        echo "refused\n";
    }
}
