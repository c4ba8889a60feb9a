"""OAuth 2.0 without input and output: authorization request and response, grants, client authentication, tokens."""
