<?php
// The OAuthProvider of PHP's oauth extension, run by PHP's own web server: HMAC-SHA1, HMAC-SHA256 and PLAINTEXT.
// Each request is a fresh run of this script, so what must be remembered lies in SQLite.
declare(strict_types=1);

$clients = json_decode(getenv('INTEROP_CLIENTS'), true);
$database = new PDO('sqlite:' . getenv('INTEROP_DATABASE'));
$database->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);
$database->exec('PRAGMA synchronous = OFF');
$database->exec('CREATE TABLE IF NOT EXISTS nonces (used TEXT PRIMARY KEY)');
$database->exec('CREATE TABLE IF NOT EXISTS tokens
    (kind TEXT, token TEXT PRIMARY KEY, secret TEXT, client TEXT, callback TEXT, verifier TEXT)');

function query(string $sql, mixed ...$values): array
{
    global $database;
    $statement = $database->prepare($sql);
    $statement->execute($values);
    return $statement->fetchAll(PDO::FETCH_ASSOC);
}

function make_token(string $kind, string $client, ?string $callback): array
{
    global $clients;
    $suffix = $clients[$client]['suffix'];
    $token = bin2hex(random_bytes(12)) . $suffix;
    $secret = bin2hex(random_bytes(16)) . $suffix;
    query('INSERT INTO tokens VALUES (?, ?, ?, ?, ?, NULL)', $kind, $token, $secret, $client, $callback);
    return ['oauth_token' => $token, 'oauth_token_secret' => $secret];
}

function answer(int $status, string $type, string $body): never
{
    http_response_code($status);
    header("Content-Type: $type");
    echo $body;
    exit;
}

function answer_form(array $fields): never
{
    answer(200, 'application/x-www-form-urlencoded', http_build_query($fields));
}

function look_up_client(OAuthProvider $provider): int
{
    global $clients;
    if (!isset($clients[$provider->consumer_key])) {
        return OAUTH_CONSUMER_KEY_UNKNOWN;
    }
    $provider->consumer_secret = $clients[$provider->consumer_key]['client_secret'];
    return OAUTH_OK;
}

function check_timestamp_and_nonce(OAuthProvider $provider): int
{
    if (abs(time() - (int) $provider->timestamp) > (int) getenv('INTEROP_TIMESTAMP_WINDOW')) {
        return OAUTH_BAD_TIMESTAMP;
    }
    $use = json_encode([$provider->consumer_key, $provider->token, $provider->timestamp, $provider->nonce]);
    try {
        query('INSERT INTO nonces VALUES (?)', $use);
    } catch (PDOException) {
        return OAUTH_BAD_NONCE;
    }
    return OAUTH_OK;
}

function look_up_token(OAuthProvider $provider): int
{
    global $path;
    $kind = $path === '/access_token' ? 'request' : 'access';
    $found = query('SELECT * FROM tokens WHERE kind = ? AND token = ?', $kind, $provider->token);
    if (!$found || $found[0]['client'] !== $provider->consumer_key) {
        return OAUTH_TOKEN_REJECTED;
    }
    if ($kind === 'request' && ($found[0]['verifier'] === null || $found[0]['verifier'] !== $provider->verifier)) {
        return OAUTH_VERIFIER_INVALID;
    }
    $provider->token_secret = $found[0]['secret'];
    return OAUTH_OK;
}

/** The provider behind a valid signature; otherwise the answer is a problem report with the base string. */
function check_request(bool $asks_request_token = false): OAuthProvider
{
    $provider = new OAuthProvider();
    $provider->consumerHandler('look_up_client');
    $provider->timestampNonceHandler('check_timestamp_and_nonce');
    $provider->tokenHandler('look_up_token');
    $provider->isRequestTokenEndpoint($asks_request_token);
    try {
        $provider->checkOAuthRequest();
    } catch (OAuthException $problem) {
        $report = OAuthProvider::reportProblem($problem, true);
        answer(http_response_code() === 200 ? 401 : http_response_code(), 'application/x-www-form-urlencoded', $report);
    }
    return $provider;
}

function authorize(): never
{
    global $clients;
    $found = query("SELECT * FROM tokens WHERE kind = 'request' AND token = ?", $_GET['oauth_token'] ?? '');
    if (!$found) {
        answer(400, 'text/plain', 'no such request token');
    }
    ['token' => $token, 'callback' => $callback, 'client' => $client] = $found[0];
    if (isset($_GET['deny'])) {
        $fields = ['oauth_problem' => 'user_refused', 'oauth_token' => $token];
    } else {
        $verifier = bin2hex(random_bytes(8)) . $clients[$client]['suffix'];
        $fields = ['oauth_token' => $token, 'oauth_verifier' => $verifier];
        query('UPDATE tokens SET verifier = ? WHERE token = ?', $verifier, $token);
    }
    if ($callback === 'oob') {
        answer_form($fields);
    }
    header('Location: ' . $callback . (str_contains($callback, '?') ? '&' : '?') . http_build_query($fields), true, 302);
    exit;
}

$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if ($path === '/request_token') {
    $provider = check_request(asks_request_token: true);
    $token = make_token('request', $provider->consumer_key, $provider->callback);
    answer_form($token + ['oauth_callback_confirmed' => 'true']);
} elseif ($path === '/authorize') {
    authorize();
} elseif ($path === '/access_token') {
    $provider = check_request();
    query('DELETE FROM tokens WHERE token = ?', $provider->token);
    answer_form(make_token('access', $provider->consumer_key, null));
} elseif ($path === '/userinfo') {
    check_request();
    answer(200, 'application/json', getenv('INTEROP_USER'));
} elseif (str_starts_with($path, '/echo')) {
    check_request();
    answer(200, 'application/json', json_encode([
        'method' => $_SERVER['REQUEST_METHOD'],
        'target' => $_SERVER['REQUEST_URI'],
        'body' => latin1_to_utf8(file_get_contents('php://input')),
        'content_type' => $_SERVER['CONTENT_TYPE'] ?? '',
    ]));
} else {
    answer(404, 'text/plain', 'no such page');
}

/** Each octet as one character, so that JSON can carry it (mbstring may be missing). */
function latin1_to_utf8(string $octets): string
{
    return preg_replace_callback('/[\x80-\xff]/', function (array $found): string {
        $octet = ord($found[0]);
        return chr(0xC0 | $octet >> 6) . chr(0x80 | $octet & 0x3F);
    }, $octets);
}
