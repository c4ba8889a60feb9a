// npm's oidc-provider on a port of the system's choice; INTEROP says who is known to it. Its first line is its origin.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { randomBytes } from "node:crypto";
import { pathToFileURL } from "node:url";

const { resolve } = createRequire(import.meta.url); // looks into NODE_PATH, as `import` does not
const { default: Provider } = await import(pathToFileURL(resolve("oidc-provider")));
const { callback, clients, user, server_key: serverKey } = JSON.parse(process.env.INTEROP);
const on = { enabled: true };

const TOLD = "/told";
const told = []; // the logout tokens that were posted here, in place of the application

const metadata = (origin) => ({ client_id, client_secret, client_auth, grants, jwks, is_bound, signed_userinfo, signs_requests, encryption }) => ({
  client_id,
  client_secret: client_secret ?? undefined,
  jwks: jwks ?? undefined,
  grant_types: grants,
  token_endpoint_auth_method: client_auth,
  token_endpoint_auth_signing_alg: { private_key_jwt: "ES256", client_secret_jwt: "HS256" }[client_auth],
  redirect_uris: grants.includes("authorization_code") ? [callback] : [],
  response_types: grants.includes("authorization_code") ? ["code"] : [],
  dpop_bound_access_tokens: is_bound,
  userinfo_signed_response_alg: signed_userinfo ? "RS256" : undefined,
  userinfo_encrypted_response_alg: encryption ?? undefined,
  id_token_encrypted_response_alg: encryption ?? undefined,
  request_object_signing_alg: signs_requests ? "ES256" : undefined,
  require_signed_request_object: signs_requests,
  authorization_signed_response_alg: "RS256",
  authorization_encrypted_response_alg: encryption ?? undefined,
  post_logout_redirect_uris: [callback],
  backchannel_logout_uri: `${origin}${TOLD}`,
  backchannel_logout_session_required: true,
});

const hearOfLogouts = async (request, response) => {
  if (request.method === "POST") {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    told.push(new URLSearchParams(Buffer.concat(chunks).toString()).get("logout_token"));
  }
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(told));
};

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const origin = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(origin, {
    clients: clients.map(metadata(origin)),
    jwks: { keys: [serverKey] },
    cookies: { keys: ["interop"] },
    clientAuthMethods: ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"],
    enabledJWA: {
      clientAuthSigningAlgValues: ["HS256", "ES256"],
      requestObjectSigningAlgValues: ["ES256"],
      authorizationEncryptionAlgValues: ["RSA-OAEP-256", "ECDH-ES+A128KW"],
      idTokenEncryptionAlgValues: ["RSA-OAEP-256", "ECDH-ES+A128KW"],
      userinfoEncryptionAlgValues: ["RSA-OAEP-256", "ECDH-ES+A128KW"],
      dPoPSigningAlgValues: ["ES256", "EdDSA", "Ed25519", "PS256", "RS256"],
    },
    scopes: ["openid", "offline_access", "api:read"],
    claims: { openid: ["sub"], profile: ["name"], email: ["email"] },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ ...user, sub }) }),
    fetch: (url, { dispatcher, ...options }) => fetch(url, options), // which would refuse to speak with this machine
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: (_, client) => client.grantTypeAllowed("refresh_token"),
    ttl: { AccessToken: 600, ClientCredentials: 600, RefreshToken: 3600, AuthorizationCode: 60, DeviceCode: 300,
      Grant: 3600, IdToken: 600, Interaction: 600, Session: 600 },
    features: { devInteractions: on, deviceFlow: on, clientCredentials: on, introspection: on, revocation: on, jwtUserinfo: on,
      backchannelLogout: on, encryption: on, requestObjects: on, jwtResponseModes: on,
      dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true } },
  });
  const serve = provider.callback();
  server.on("request", (request, response) => (request.url === TOLD ? hearOfLogouts : serve)(request, response));
  console.log(origin);
});
