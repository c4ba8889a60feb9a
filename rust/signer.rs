//! From a request to its signature.

use std::mem;

use crate::{
    base_string::Address,
    base64,
    error::Refusal,
    escape,
    header::{Protocol, Variable},
    mac::{Hash, Mac},
    params::{Foreign, Parameters},
    rsa::SigningKey,
    scratch::Scratch,
};

/// What a signature method signs with. Spec: RFC 5849 sections 3.4.2 to 3.4.4.
pub enum Key {
    Mac(Mac),
    Rsa(Hash, SigningKey),
    /// The two secrets of PLAINTEXT, escaped and joined.
    Plaintext(Vec<u8>),
}

/// Everything that stays the same from request to request.
pub struct Signer {
    pub protocol: Protocol,
    pub key: Key,
}

/// A request to sign, without its nonce.
pub struct Request<'a> {
    /// `None` is a method that is not text.
    pub method: Option<&'a [u8]>,
    pub address: Address<'a>,
    pub form: Form<'a>,
    pub variable: Variable<'a>,
}

/// The body of a request, as far as the base string is concerned.
#[derive(Clone, Copy)]
pub enum Form<'a> {
    /// It does not enter the base string.
    None,
    Octets(&'a [u8]),
    /// Its octets cannot be had.
    Unreadable,
}

impl Form<'_> {
    /// Adds the parameters of the form.
    pub fn push_to(&self, parameters: &mut Parameters, foreign: Foreign) -> Result<(), Refusal> {
        match self {
            Self::None => Ok(()),
            Self::Octets(octets) => parameters.push_form(octets, "body", foreign),
            Self::Unreadable => Err(Refusal::UnreadableBody),
        }
    }

    /// The octets that enter the base string.
    pub fn octets(&self) -> &[u8] {
        if let Self::Octets(octets) = self { octets } else { b"" }
    }
}

impl Signer {
    /// Writes the `Authorization` header over the text of `scratch`.
    pub fn authorization(&self, request: &Request<'_>, nonce: &[u8], scratch: &mut Scratch) -> Result<(), Refusal> {
        let mut text = mem::take(&mut scratch.text);
        text.clear();
        self.push_authorization(request, nonce, scratch, &mut text)?;
        scratch.text = text;
        Ok(())
    }

    /// Writes the `Authorization` header behind what stands in `out`.
    pub fn push_authorization(
        &self,
        request: &Request<'_>,
        nonce: &[u8],
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        self.write_base_string(request, nonce, Foreign::Refused, scratch)?;
        self.protocol.push_header_start(out, &request.variable, nonce);
        self.key.push_escaped_signature(out, &mut scratch.base_string)?;
        out.push(b'"');
        Ok(())
    }

    /// Writes the text of `oauth_signature` for placement in the query or the body over that of `scratch`.
    pub fn signature(&self, request: &Request<'_>, nonce: &[u8], scratch: &mut Scratch) -> Result<(), Refusal> {
        self.write_base_string(request, nonce, Foreign::RefusedButSignature, scratch)?;
        scratch.text.clear();
        self.key.push_signature(&mut scratch.text, &mut scratch.base_string)
    }

    /// Writes what is signed, which counts the protocol parameters that the request brings along, over the text of
    /// `scratch`.
    pub fn base_string(&self, request: &Request<'_>, nonce: &[u8], scratch: &mut Scratch) -> Result<(), Refusal> {
        self.write_base_string(request, nonce, Foreign::Counted, scratch)?;
        mem::swap(&mut scratch.base_string, &mut scratch.text);
        Ok(())
    }

    fn write_base_string(
        &self,
        request: &Request<'_>,
        nonce: &[u8],
        foreign: Foreign,
        scratch: &mut Scratch,
    ) -> Result<(), Refusal> {
        let Request { method, address, form, variable } = request;
        let Scratch { parameters, target, base_string, .. } = scratch;
        parameters.clear(384 + 2 * (address.query_bound() + form.octets().len()));
        self.protocol.push_to(parameters, variable, nonce, foreign != Foreign::Counted);
        if let Some(query) = target.query(*method, address) {
            parameters.push_form(query, "query", foreign)?;
            form.push_to(parameters, foreign)?;
        } else {
            let url = address.parse()?;
            url.push_query(parameters, foreign)?;
            form.push_to(parameters, foreign)?;
            target.set(*method, address, &url)?;
        }
        target.write(base_string, parameters);
        Ok(())
    }
}

impl Key {
    /// Writes the signature over a base string, which grows for the while, as the text of `oauth_signature`.
    pub fn push_signature(&self, out: &mut Vec<u8>, base_string: &mut Vec<u8>) -> Result<(), Refusal> {
        match self {
            Self::Mac(mac) => base64::push(out, mac.code(base_string).as_ref()),
            Self::Rsa(hash, key) => base64::push(out, &key.sign(*hash, base_string)?),
            Self::Plaintext(secrets) => out.extend_from_slice(secrets),
        }
        Ok(())
    }

    /// Writes that text percent-encoded.
    fn push_escaped_signature(&self, out: &mut Vec<u8>, base_string: &mut Vec<u8>) -> Result<(), Refusal> {
        match self {
            Self::Mac(mac) => base64::push_escaped(out, mac.code(base_string).as_ref()),
            Self::Rsa(hash, key) => base64::push_escaped(out, &key.sign(*hash, base_string)?),
            Self::Plaintext(secrets) => escape::push_once(out, secrets),
        }
        Ok(())
    }

    /// Whether signing takes so long that others should run meanwhile.
    pub fn is_slow(&self) -> bool {
        matches!(self, Self::Rsa(..))
    }
}

/// The key of HMAC and PLAINTEXT: both secrets escaped and joined.
pub fn join_secrets(client_secret: &[u8], token_secret: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 * (client_secret.len() + token_secret.len()));
    escape::push_once(&mut out, client_secret);
    out.push(b'&');
    escape::push_once(&mut out, token_secret);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base_string::Url;

    fn signer(key: Key, signature_method: &[u8]) -> Signer {
        let protocol =
            Protocol::new(None, b"dpf43f3p2l4k3l03", Some(b"nnch734d00sl2jdk"), signature_method, Some(b"1.0"));
        Signer { protocol, key }
    }

    fn request<'a>(url: &'a str, form: Form<'a>) -> Request<'a> {
        let variable = Variable { timestamp: b"1191242096", ..Variable::default() };
        Request { method: Some(b"GET"), address: Address::Text(url.as_bytes()), form, variable }
    }

    /// The text that is left.
    fn text(scratch: &mut Scratch, sign: impl FnOnce(&mut Scratch) -> Result<(), Refusal>) -> Result<String, Refusal> {
        sign(scratch).map(|()| String::from_utf8(scratch.text.clone()).unwrap())
    }

    const URL: &str = "http://photos.example.net/photos?file=vacation.jpg&size=original";

    /// The example of OAuth Core 1.0, appendix A.5.
    #[test]
    fn the_photo_example() {
        let secrets = join_secrets(b"kd94hf93k423kf44", b"pfkkdhi9sl3r4s00");
        let signer = signer(Key::Mac(Mac::new(Hash::Sha1, &secrets)), b"HMAC-SHA1");
        let (photo, nonce, scratch) = (request(URL, Form::None), b"kllo9940pd9333jh", &mut Scratch::default());
        let signature = text(scratch, |scratch| signer.signature(&photo, nonce, scratch)).unwrap();
        assert_eq!(signature, "tR3+Ty81lMeYAr/Fid0kMTYa/WM=");
        let header = text(scratch, |scratch| signer.authorization(&photo, nonce, scratch)).unwrap();
        assert!(header.ends_with(r#", oauth_signature="tR3%2BTy81lMeYAr%2FFid0kMTYa%2FWM%3D""#));
    }

    #[test]
    fn plaintext_is_escaped_once_more_in_the_header() {
        let signer = signer(Key::Plaintext(join_secrets(b"a b", b"")), b"PLAINTEXT");
        let (photo, scratch) = (request(URL, Form::None), &mut Scratch::default());
        assert_eq!(text(scratch, |scratch| signer.signature(&photo, b"n", scratch)).unwrap(), "a%20b&");
        let header = text(scratch, |scratch| signer.authorization(&photo, b"n", scratch)).unwrap();
        assert!(header.ends_with(r#", oauth_signature="a%2520b%26""#));
    }

    #[test]
    fn what_is_kept_of_a_request_changes_no_other_request() {
        let signer = signer(Key::Plaintext(Vec::new()), b"PLAINTEXT");
        let (long, parts) = (format!("http://a/{}?b=1", "c".repeat(100)), Url::parse(b"http://a/p?b=3", true).unwrap());
        let texts =
            ["http://a/p?b=1", "http://a/p", "http://a/p#?b=2", "http://a/p?b=2#c=3", "http://a/pq?b=1", "http://a"];
        let texts =
            [&texts[..], &["HTTP://A/p", "http://a:80/p", "http://a/p/?b", "ftp://a/p?b=1", "nowhere", &long]].concat();
        let addresses: Vec<_> = texts.iter().map(|text| Address::Text(text.as_bytes())).collect();
        let requests: Vec<_> = addresses
            .into_iter()
            .chain([Address::Parts(parts)])
            .flat_map(|address| {
                [Some(&b"GET"[..]), Some(b"get"), Some(b"G T"), None].map(|method| Request {
                    method,
                    address,
                    form: Form::None,
                    variable: Variable::default(),
                })
            })
            .collect();
        let kept = &mut Scratch::default();
        for (one, other) in requests.iter().flat_map(|one| requests.iter().map(move |other| (one, other))) {
            let _ = signer.base_string(one, b"n", kept);
            let [with, fresh] = [&mut *kept, &mut Scratch::default()]
                .map(|scratch| text(scratch, |scratch| signer.base_string(other, b"n", scratch)));
            assert_eq!(with, fresh);
        }
    }

    #[test]
    fn a_form_enters_the_base_string_and_an_unreadable_one_is_refused() {
        let signer = signer(Key::Plaintext(Vec::new()), b"PLAINTEXT");
        let with = |form| {
            let request = request("http://a/?b=1", form);
            text(&mut Scratch::default(), |scratch| signer.base_string(&request, b"n", scratch))
        };
        let text = with(Form::Octets(b"a=%2B&oauth_token=x")).unwrap();
        assert!(text.starts_with("GET&http%3A%2F%2Fa%2F&a%3D%252B%26b%3D1%26oauth_consumer_key"));
        assert!(text.contains("oauth_token%3Dnnch734d00sl2jdk%26oauth_token%3Dx%26oauth_version"));
        assert_eq!(with(Form::Unreadable), Err(Refusal::UnreadableBody));
        let scratch = &mut Scratch::default();
        let refused = signer.authorization(&request("http://a/", Form::Octets(b"oauth_token=x")), b"n", scratch);
        assert_eq!(refused, Err(Refusal::ProtocolParameter { name: b"oauth_token".to_vec(), place: "body" }));
    }
}
