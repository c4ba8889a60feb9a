//! From a request to its signature.

use crate::{
    base_string::{self, Url},
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
#[expect(clippy::large_enum_variant, reason = "a signer has one key, and the largest is the one that must be at hand")]
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
    pub url: Url<'a>,
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

    fn len(&self) -> usize {
        if let Self::Octets(octets) = self { octets.len() } else { 0 }
    }
}

impl Signer {
    /// The `Authorization` header.
    pub fn authorization<'a>(
        &self,
        request: &Request<'_>,
        nonce: &[u8],
        scratch: &'a mut Scratch,
    ) -> Result<&'a [u8], Refusal> {
        self.sign(request, nonce, Foreign::Refused, scratch)?;
        self.protocol.write_header(&mut scratch.header, &request.variable, nonce, &scratch.signature);
        Ok(&scratch.header)
    }

    /// The text of `oauth_signature` for placement in the query or the body.
    pub fn signature<'a>(
        &self,
        request: &Request<'_>,
        nonce: &[u8],
        scratch: &'a mut Scratch,
    ) -> Result<&'a [u8], Refusal> {
        self.sign(request, nonce, Foreign::RefusedButSignature, scratch)?;
        Ok(&scratch.signature)
    }

    /// The text that is signed, which counts the protocol parameters that the request brings along.
    pub fn base_string<'a>(
        &self,
        request: &Request<'_>,
        nonce: &[u8],
        scratch: &'a mut Scratch,
    ) -> Result<&'a [u8], Refusal> {
        self.write_base_string(request, nonce, Foreign::Counted, scratch)?;
        Ok(&scratch.base_string)
    }

    fn sign(
        &self,
        request: &Request<'_>,
        nonce: &[u8],
        foreign: Foreign,
        scratch: &mut Scratch,
    ) -> Result<(), Refusal> {
        self.write_base_string(request, nonce, foreign, scratch)?;
        self.key.write_signature(&mut scratch.base_string, &mut scratch.signature)
    }

    fn write_base_string(
        &self,
        request: &Request<'_>,
        nonce: &[u8],
        foreign: Foreign,
        scratch: &mut Scratch,
    ) -> Result<(), Refusal> {
        let parameters = &mut scratch.parameters;
        parameters.clear(384 + 2 * (request.url.query.len() + request.form.len()));
        self.protocol.push_to(parameters, &request.variable, nonce, foreign != Foreign::Counted);
        request.url.push_query(parameters, foreign)?;
        request.form.push_to(parameters, foreign)?;
        base_string::write(&mut scratch.base_string, request.method, &request.url, parameters)
    }
}

impl Key {
    /// Writes the signature over a base string, which grows for the while.
    pub fn write_signature(&self, text: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<(), Refusal> {
        out.clear();
        match self {
            Self::Mac(mac) => base64::push(out, mac.code(text).as_ref()),
            Self::Rsa(hash, key) => base64::push(out, &key.sign(*hash, text)?),
            Self::Plaintext(secrets) => out.extend_from_slice(secrets),
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

    fn signer(key: Key, signature_method: &[u8]) -> Signer {
        let protocol =
            Protocol::new(None, b"dpf43f3p2l4k3l03", Some(b"nnch734d00sl2jdk"), signature_method, Some(b"1.0"));
        Signer { protocol, key }
    }

    fn request<'a>(url: &'a str, form: Form<'a>) -> Request<'a> {
        let variable = Variable { timestamp: b"1191242096", ..Variable::default() };
        Request { method: Some(b"GET"), url: Url::parse(url.as_bytes(), true).unwrap(), form, variable }
    }

    const URL: &str = "http://photos.example.net/photos?file=vacation.jpg&size=original";

    /// The example of OAuth Core 1.0, appendix A.5.
    #[test]
    fn the_photo_example() {
        let secrets = join_secrets(b"kd94hf93k423kf44", b"pfkkdhi9sl3r4s00");
        let signer = signer(Key::Mac(Mac::new(Hash::Sha1, &secrets)), b"HMAC-SHA1");
        let scratch = &mut Scratch::default();
        let signature = signer.signature(&request(URL, Form::None), b"kllo9940pd9333jh", scratch).unwrap();
        assert_eq!(signature, b"tR3+Ty81lMeYAr/Fid0kMTYa/WM=");
        let header = signer.authorization(&request(URL, Form::None), b"kllo9940pd9333jh", scratch).unwrap();
        assert!(header.ends_with(br#", oauth_signature="tR3%2BTy81lMeYAr%2FFid0kMTYa%2FWM%3D""#));
    }

    #[test]
    fn plaintext_is_escaped_once_more_in_the_header() {
        let signer = signer(Key::Plaintext(join_secrets(b"a b", b"")), b"PLAINTEXT");
        let scratch = &mut Scratch::default();
        assert_eq!(signer.signature(&request(URL, Form::None), b"n", scratch).unwrap(), b"a%20b&");
        let header = signer.authorization(&request(URL, Form::None), b"n", scratch).unwrap();
        assert!(header.ends_with(br#", oauth_signature="a%2520b%26""#));
    }

    #[test]
    fn a_form_enters_the_base_string_and_an_unreadable_one_is_refused() {
        let signer = signer(Key::Plaintext(Vec::new()), b"PLAINTEXT");
        let with = |form| {
            let scratch = &mut Scratch::default();
            signer.base_string(&request("http://a/?b=1", form), b"n", scratch).map(<[u8]>::to_vec)
        };
        let text = String::from_utf8(with(Form::Octets(b"a=%2B&oauth_token=x")).unwrap()).unwrap();
        assert!(text.starts_with("GET&http%3A%2F%2Fa%2F&a%3D%252B%26b%3D1%26oauth_consumer_key"));
        assert!(text.contains("oauth_token%3Dnnch734d00sl2jdk%26oauth_token%3Dx%26oauth_version"));
        assert_eq!(with(Form::Unreadable), Err(Refusal::UnreadableBody));
        let scratch = &mut Scratch::default();
        let refused = signer.authorization(&request("http://a/", Form::Octets(b"oauth_token=x")), b"n", scratch);
        assert_eq!(refused, Err(Refusal::ProtocolParameter { name: b"oauth_token".to_vec(), place: "body" }));
    }
}

#[cfg(test)]
mod timing {
    use super::*;
    use crate::random;
    use std::time::Instant;
    fn best(name: &str, mut f: impl FnMut()) {
        let mut v: Vec<u128> = (0..2000)
            .map(|_| {
                let t = Instant::now();
                for _ in 0..100 {
                    f();
                }
                t.elapsed().as_nanos()
            })
            .collect();
        v.sort_unstable();
        println!("{name}: p10 {} min {}", v[200] / 100, v[0] / 100);
    }
    #[test]
    fn timing() {
        let protocol = Protocol::new(
            None,
            b"u8jzPde0IgxLd6GncfBAepfJB",
            Some(b"1234567890-uDL7DxtpYlSXpfKtHF4vUCsMehGAkWvj7FAc9Qe"),
            b"HMAC-SHA1",
            Some(b"1.0"),
        );
        let signer = Signer {
            protocol,
            key: Key::Mac(Mac::new(
                Hash::Sha1,
                b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa&jjjjjjjjjjjjjjjjjjjjjj",
            )),
        };
        let r1 =
            b"https://api.example.com/1.1/statuses/user_timeline.json?screen_name=oauthreg&count=200&include_rts=true";
        let mut scratch = Scratch::default();
        let nonce = random::nonce([7; 16]);
        let ts = *b"1764076751";
        best("parse", || {
            std::hint::black_box(Url::parse(std::hint::black_box(r1), true).unwrap());
        });
        best("parse+auth", || {
            let request = Request {
                method: Some(b"GET"),
                url: Url::parse(std::hint::black_box(r1), true).unwrap(),
                form: Form::None,
                variable: Variable { timestamp: &ts, is_fresh: true, ..Variable::default() },
            };
            std::hint::black_box(signer.authorization(&request, &nonce, &mut scratch).unwrap());
        });
        let request = Request {
            method: Some(b"GET"),
            url: Url::parse(r1, true).unwrap(),
            form: Form::None,
            variable: Variable { timestamp: &ts, is_fresh: true, ..Variable::default() },
        };
        best("base string", || {
            signer.write_base_string(std::hint::black_box(&request), &nonce, Foreign::Refused, &mut scratch).unwrap();
        });
        best("push_to", || {
            scratch.parameters.clear(100);
            signer.protocol.push_to(&mut scratch.parameters, &request.variable, &nonce, true);
        });
        best("push_to+query", || {
            scratch.parameters.clear(100);
            signer.protocol.push_to(&mut scratch.parameters, &request.variable, &nonce, true);
            request.url.push_query(&mut scratch.parameters, Foreign::Refused).unwrap();
        });
        best("write_sorted", || {
            scratch.base_string.clear();
            scratch.parameters.write_sorted(&mut scratch.base_string);
        });
        let mut empty = Parameters::default();
        best("write w/o params", || {
            base_string::write(
                &mut scratch.base_string,
                request.method,
                std::hint::black_box(&request.url),
                &mut empty,
            )
            .unwrap();
        });
        signer.write_base_string(std::hint::black_box(&request), &nonce, Foreign::Refused, &mut scratch).unwrap();
        best("path run", || {
            scratch.header.clear();
            escape::push_once(&mut scratch.header, std::hint::black_box(request.url.path));
        });
        best("host run", || {
            std::hint::black_box(escape::unreserved_run(std::hint::black_box(request.url.host)));
        });
        best("upper", || {
            std::hint::black_box(escape::has_upper(std::hint::black_box(request.url.host)));
        });
        let mut text = scratch.base_string.clone();
        println!("{}", text.len());
        best("mac", || {
            let Key::Mac(mac) = &signer.key else { panic!() };
            std::hint::black_box(mac.code(std::hint::black_box(&mut text)));
        });
        best("signature", || {
            signer.key.write_signature(std::hint::black_box(&mut text), &mut scratch.signature).unwrap();
        });
        best("header", || {
            signer.protocol.write_header(
                &mut scratch.header,
                std::hint::black_box(&request.variable),
                &nonce,
                &scratch.signature,
            );
        });
        best("draw", || {
            std::hint::black_box(random::nonce(random::draw().unwrap()));
        });
        best("now", || {
            std::hint::black_box(crate::clock::now());
        });
        best("systemtime", || {
            std::hint::black_box(std::time::SystemTime::now());
        });
        best("lend", || {
            std::hint::black_box(Scratch::lend(|s| s.header.len()));
        });
    }
}
