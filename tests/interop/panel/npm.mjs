// Four packages of npm, the first argument names one: one tab-separated request a line in, one signature a line out.
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const name = process.argv[2];
const library = require(name);

const pairsOf = (text) => [...new URLSearchParams(text)];

/** A map whose repeated names hold lists, as these packages want it. */
function grouped(pairs) {
  const map = {};
  for (const [key, value] of pairs) map[key] = key in map ? [].concat(map[key], value) : value;
  return map;
}

function protocolParameters({ clientId, token, timestamp, nonce }) {
  const parameters = {
    oauth_consumer_key: clientId, oauth_nonce: nonce, oauth_signature_method: "HMAC-SHA1",
    oauth_timestamp: timestamp, oauth_version: "1.0",
  };
  if (token) parameters.oauth_token = token;
  return parameters;
}

const sign = {
  "oauth-1.0a"(request) {
    const oauth = library({
      consumer: { key: request.clientId, secret: request.clientSecret },
      signature_method: "HMAC-SHA1",
      hash_function: (text, key) => createHmac("sha1", key).update(text).digest("base64"),
    });
    const token = request.token ? { key: request.token, secret: request.tokenSecret } : undefined;
    const data = { method: request.method, url: request.url, data: grouped(pairsOf(request.form)) };
    return oauth.getSignature(data, request.tokenSecret || undefined, protocolParameters(request), token);
  },
  "oauth-signature"(request) {
    const [url, query = ""] = request.url.split("?");
    const pairs = [...Object.entries(protocolParameters(request)), ...pairsOf(query), ...pairsOf(request.form)];
    const options = { encodeSignature: false };
    return library.generate(
      request.method, url, grouped(pairs), request.clientSecret, request.tokenSecret || undefined, options);
  },
  "oauth-sign"(request) {
    const [url, query = ""] = request.url.split("?");
    const pairs = [...Object.entries(protocolParameters(request)), ...pairsOf(query), ...pairsOf(request.form)];
    const base = new URL(url);
    const path = url.replace(/^[a-z]+:\/\/[^/]*/i, "") || "/";
    return library.hmacsign(
      request.method, `${base.protocol}//${base.host}${path}`, grouped(pairs), request.clientSecret,
      request.tokenSecret || undefined);
  },
  oauth(request) {
    const { OAuth } = library;
    const client = new OAuth(null, null, request.clientId, request.clientSecret, "1.0", null, "HMAC-SHA1");
    const parameters = client._prepareParameters(
      request.token || undefined, request.tokenSecret || undefined, request.method, request.url,
      grouped(pairsOf(request.form)));
    return parameters.find(([key]) => key === "oauth_signature")[1];
  },
};

if (process.argv[3] === "--version") {
  console.log(`npm ${name} ${require(`${name}/package.json`).version} client`);
} else {
  for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
    const [method, url, form, clientId, clientSecret, token, tokenSecret, timestamp, nonce] = line.split("\t");
    try {
      const request = { method, url, form, clientId, clientSecret, token, tokenSecret, timestamp, nonce };
      if (name === "oauth") {
        library.OAuth.prototype._getTimestamp = () => timestamp;
        library.OAuth.prototype._getNonce = () => nonce;
      }
      console.log(sign[name](request));
    } catch {
      console.log("refused");
    }
  }
}
