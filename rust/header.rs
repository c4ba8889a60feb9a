//! The protocol parameters and the `Authorization` header. Spec: RFC 5849 sections 3.1 and 3.5.1.

use std::borrow::Cow;

use crate::{
    base64,
    clock::Timestamp,
    escape,
    mac::Digest,
    params::{AMPERSAND, EQUALS, Parameters},
    random::Nonce,
};

const CLIENT_ID: &str = "oauth_consumer_key";
const TOKEN: &str = "oauth_token";
const SIGNATURE_METHOD: &str = "oauth_signature_method";
const VERSION: &str = "oauth_version";
const TIMESTAMP: &str = "oauth_timestamp";
const NONCE: &str = "oauth_nonce";
/// The parameter that covers a body which is no form.
pub const BODY_HASH: &str = "oauth_body_hash";

/// What stays the same in every request of a signer.
pub struct Protocol {
    constant: Vec<(&'static str, Vec<u8>)>,
    header_start: Vec<u8>,
    block: [Vec<u8>; 3],
    /// The header up to its nonce.
    fresh_header: Template,
    /// The protocol parameters in the base string, apart from a body hash.
    fresh_block: Template,
}

/// Text in which only a timestamp and a nonce of fixed length change.
#[derive(Default)]
struct Template {
    octets: Vec<u8>,
    timestamp_at: usize,
    nonce_at: usize,
}

/// The digits of a time now, and those of a nonce made here.
type Fresh<'a> = (&'a Timestamp, &'a Nonce);

/// What differs from request to request, apart from the nonce.
#[derive(Clone, Copy, Default)]
pub struct Variable<'a> {
    pub timestamp: &'a [u8],
    /// Whether the timestamp and the nonce were made here, of digits, which need no escape.
    pub is_fresh: bool,
    /// Further protocol parameters.
    pub extra: &'a [(Vec<u8>, Vec<u8>)],
    pub body_hash: Option<&'a Digest>,
}

impl Protocol {
    /// The parameters of a signer; `None` is left out.
    pub fn new(
        realm: Option<&[u8]>,
        client_id: &[u8],
        token: Option<&[u8]>,
        signature_method: &[u8],
        version: Option<&[u8]>,
    ) -> Self {
        let mut constant = vec![(CLIENT_ID, client_id.to_vec())];
        constant.extend(token.map(|token| (TOKEN, token.to_vec())));
        constant.push((SIGNATURE_METHOD, signature_method.to_vec()));
        constant.extend(version.map(|version| (VERSION, version.to_vec())));
        let header_start = header_start(realm, &constant);
        let block = [
            block(&[(CLIENT_ID, Some(client_id)), (NONCE, None)]),
            block(&[(SIGNATURE_METHOD, Some(signature_method)), (TIMESTAMP, None)]),
            block(
                &[(TOKEN, token), (VERSION, version)].into_iter().filter(|pair| pair.1.is_some()).collect::<Vec<_>>(),
            ),
        ];
        let mut protocol =
            Self { constant, header_start, block, fresh_header: Template::default(), fresh_block: Template::default() };
        protocol.fresh_header = Template::of(|out, variable, nonce| protocol.push_start(out, variable, nonce));
        protocol.fresh_block = Template::of(|out, variable, nonce| protocol.write_block(out, variable, nonce));
        protocol
    }

    /// The constant parameters, decoded, in the header's order.
    pub fn constant(&self) -> &[(&'static str, Vec<u8>)] {
        &self.constant
    }

    /// Whether the signer itself gives the parameter of that name.
    pub fn gives(&self, name: &[u8]) -> bool {
        name == TIMESTAMP.as_bytes()
            || name == NONCE.as_bytes()
            || self.constant.iter().any(|(constant, _)| constant.as_bytes() == name)
    }

    /// Adds all protocol parameters of a request; `alone` tells that no other name begins with `oauth_`.
    #[inline]
    pub fn push_to(&self, parameters: &mut Parameters, variable: &Variable<'_>, nonce: &[u8], alone: bool) {
        if !alone || !variable.extra.is_empty() {
            self.constant.iter().for_each(|(name, value)| parameters.push(name.as_bytes(), value));
            variable.pairs(nonce).for_each(|(name, value)| parameters.push(name, &value));
            return;
        }
        parameters.push_protocol(|out| {
            if let Some(body_hash) = variable.body_hash {
                out.extend_from_slice(BODY_HASH.as_bytes());
                out.extend_from_slice(EQUALS);
                base64::push_escaped_twice(out, body_hash.as_ref());
                out.extend_from_slice(AMPERSAND);
            }
            match variable.fresh(nonce) {
                Some(fresh) => self.fresh_block.push_to(out, fresh),
                None => self.write_block(out, variable, nonce),
            }
        });
    }

    fn write_block(&self, out: &mut Vec<u8>, variable: &Variable<'_>, nonce: &[u8]) {
        out.extend_from_slice(&self.block[0]);
        escape::push_twice(out, nonce);
        out.extend_from_slice(AMPERSAND);
        out.extend_from_slice(&self.block[1]);
        escape::push_twice(out, variable.timestamp);
        if !self.block[2].is_empty() {
            out.extend_from_slice(AMPERSAND);
            out.extend_from_slice(&self.block[2]);
        }
    }

    /// Writes the header's value up to the signature.
    #[inline]
    pub fn push_header_start(&self, out: &mut Vec<u8>, variable: &Variable<'_>, nonce: &[u8]) {
        match variable.fresh(nonce) {
            Some(fresh) => self.fresh_header.push_to(out, fresh),
            None => self.push_start(out, variable, nonce),
        }
        for (name, value) in variable.extra {
            out.extend_from_slice(b", ");
            escape::push_once(out, name);
            push_value(out, b"=\"", value);
        }
        if let Some(body_hash) = variable.body_hash {
            out.extend_from_slice(b", oauth_body_hash=\"");
            base64::push_escaped(out, body_hash.as_ref());
            out.push(b'"');
        }
        out.extend_from_slice(b", oauth_signature=\"");
    }

    fn push_start(&self, out: &mut Vec<u8>, variable: &Variable<'_>, nonce: &[u8]) {
        out.extend_from_slice(&self.header_start);
        push_value(out, b", oauth_timestamp=\"", variable.timestamp);
        push_value(out, b", oauth_nonce=\"", nonce);
    }
}

impl Template {
    /// The text that `write` gives for any timestamp and any nonce.
    fn of(write: impl Fn(&mut Vec<u8>, &Variable<'_>, &[u8])) -> Self {
        let (timestamp, nonce) = (&[b'0'; size_of::<Timestamp>()], &[b'0'; size_of::<Nonce>()]);
        let text = |timestamp, nonce| {
            let mut out = Vec::new();
            write(&mut out, &Variable { timestamp, ..Variable::default() }, nonce);
            out
        };
        let octets = text(timestamp, nonce);
        let place = |others: &[u8]| octets.iter().zip(others).take_while(|(a, b)| a == b).count();
        let timestamp_at = place(&text(&[b'1'; size_of::<Timestamp>()], nonce));
        let nonce_at = place(&text(timestamp, &[b'1'; size_of::<Nonce>()]));
        Self { octets, timestamp_at, nonce_at }
    }

    fn push_to(&self, out: &mut Vec<u8>, (timestamp, nonce): Fresh<'_>) {
        let start = out.len();
        out.extend_from_slice(&self.octets);
        let copy = &mut out[start..];
        copy[self.timestamp_at..][..timestamp.len()].copy_from_slice(timestamp);
        copy[self.nonce_at..][..nonce.len()].copy_from_slice(nonce);
    }
}

impl<'a> Variable<'a> {
    /// The timestamp and the nonce, if both were made here.
    fn fresh(&self, nonce: &'a [u8]) -> Option<Fresh<'a>> {
        if self.is_fresh { Some((self.timestamp.try_into().ok()?, nonce.try_into().ok()?)) } else { None }
    }

    /// The varying parameters, decoded, in the header's order.
    pub fn pairs(&self, nonce: &'a [u8]) -> impl Iterator<Item = (&'a [u8], Cow<'a, [u8]>)> {
        [(TIMESTAMP.as_bytes(), self.timestamp), (NONCE.as_bytes(), nonce)]
            .into_iter()
            .chain(self.extra.iter().map(|(name, value)| (name.as_slice(), value.as_slice())))
            .map(|(name, value)| (name, Cow::Borrowed(value)))
            .chain(self.body_hash.map(|hash| (BODY_HASH.as_bytes(), Cow::Owned(base64::encode(hash.as_ref())))))
    }
}

/// Writes the value of a parameter, escaped and closed by its quotation mark, after `before`.
fn push_value(out: &mut Vec<u8>, before: &[u8], value: &[u8]) {
    out.extend_from_slice(before);
    escape::push_once(out, value);
    out.push(b'"');
}

/// The scheme, the realm as a quoted string and the constant parameters.
fn header_start(realm: Option<&[u8]>, constant: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = b"OAuth ".to_vec();
    if let Some(realm) = realm {
        out.extend_from_slice(b"realm=\"");
        for &octet in realm {
            if matches!(octet, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(octet);
        }
        out.extend_from_slice(b"\", ");
    }
    for (place, (name, value)) in constant.iter().enumerate() {
        if place > 0 {
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(name.as_bytes());
        push_value(&mut out, b"=\"", value);
    }
    out
}

/// A stretch of the sorted protocol parameters, encoded twice; a value of `None` is still to come.
fn block(pairs: &[(&str, Option<&[u8]>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (place, (name, value)) in pairs.iter().enumerate() {
        if place > 0 {
            out.extend_from_slice(AMPERSAND);
        }
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(EQUALS);
        escape::push_twice(&mut out, value.unwrap_or_default());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mac::Hash;

    fn protocol(token: Option<&[u8]>, version: Option<&[u8]>) -> Protocol {
        Protocol::new(Some(br#"a "quoted\" realm"#), b"c k", token, b"HMAC-SHA1", version)
    }

    /// Their base64 has `/`, nothing, and `+` to be escaped beside its padding.
    fn body_hashes() -> [Digest; 3] {
        [&b""[..], b"e", b"i"].map(|body| Hash::Sha1.digest(body))
    }

    fn pair(name: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
        (name.into(), value.into())
    }

    fn text(protocol: &Protocol, variable: &Variable<'_>, alone: bool) -> String {
        let mut parameters = Parameters::default();
        protocol.push_to(&mut parameters, variable, b"n+", alone);
        let mut out = Vec::new();
        parameters.write_sorted(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_block_equals_the_sorted_parameters() {
        for token in [None, Some(&b"t/k"[..])] {
            for version in [None, Some(&b"1.0"[..])] {
                for body_hash in body_hashes().iter().map(Some).chain([None]) {
                    let protocol = protocol(token, version);
                    let variable = Variable { timestamp: b"137", body_hash, ..Variable::default() };
                    assert_eq!(text(&protocol, &variable, true), text(&protocol, &variable, false));
                }
            }
        }
    }

    #[test]
    fn fresh_values_are_written_into_templates() {
        for extra in [vec![], vec![pair("oauth_callback", "oob")]] {
            for body_hash in body_hashes().iter().map(Some).chain([None]) {
                let protocol = protocol(Some(b"t/k"), Some(b"1.0"));
                let fresh = Variable { timestamp: b"1764076751", is_fresh: true, extra: &extra, body_hash };
                let nonce = b"0123456789abcdef0123456789abcdef";
                let [with, without] = [true, false].map(|is_fresh| {
                    let variable = Variable { is_fresh, ..fresh };
                    let (mut parameters, mut text, mut header) = Default::default();
                    protocol.push_to(&mut parameters, &variable, nonce, true);
                    parameters.write_sorted(&mut text);
                    protocol.push_header_start(&mut header, &variable, nonce);
                    (text, header)
                });
                assert_eq!(with, without);
            }
        }
    }

    #[test]
    fn extra_parameters_are_sorted_in() {
        let extra = [pair("oauth_callback", "oob"), pair("x_auth", "1")];
        let variable = Variable { timestamp: b"1", extra: &extra, ..Variable::default() };
        assert_eq!(
            text(&protocol(None, None), &variable, true),
            "oauth_callback%3Doob%26oauth_consumer_key%3Dc%2520k%26oauth_nonce%3Dn%252B%26\
             oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D1%26x_auth%3D1"
        );
    }

    #[test]
    fn the_header_quotes_the_realm_and_escapes_the_rest() {
        let extra = [pair("oauth_callback", "a b")];
        let variable =
            Variable { timestamp: b"1", extra: &extra, body_hash: Some(&body_hashes()[0]), ..Variable::default() };
        let mut header = Vec::new();
        protocol(Some(b"t"), Some(b"1.0")).push_header_start(&mut header, &variable, b"n");
        assert_eq!(
            String::from_utf8(header).unwrap(),
            r#"OAuth realm="a \"quoted\\\" realm", oauth_consumer_key="c%20k", oauth_token="t", "#.to_owned()
                + r#"oauth_signature_method="HMAC-SHA1", oauth_version="1.0", oauth_timestamp="1", oauth_nonce="n", "#
                + r#"oauth_callback="a%20b", oauth_body_hash="2jmj7l5rSw0yVb%2FvlWAYkK%2FYBwk%3D", oauth_signature=""#
        );
    }

    #[test]
    fn a_signer_knows_its_own_parameters() {
        let signer = protocol(None, Some(b"1.0"));
        assert!(signer.gives(b"oauth_version") && signer.gives(b"oauth_nonce") && signer.gives(b"oauth_timestamp"));
        assert!(!signer.gives(b"oauth_token"));
    }
}
