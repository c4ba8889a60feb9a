//! The protocol parameters of a received request, as they came. Spec: RFC 5849 sections 3.2 and 3.5.
//!
//! Read is the usual form alone: everything else is left to `oauthreg/signing/verify.py`, which says what is wrong with it.

use crate::{
    escape::{self, Reserved},
    params::Parameters,
};

/// Where the protocol parameters stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Placement {
    Header,
    Query,
    Body,
}

/// The parameters that mean something to a check, in the order of the base string.
#[derive(Clone, Copy)]
pub enum Known {
    BodyHash,
    Callback,
    ClientId,
    Nonce,
    Signature,
    SignatureMethod,
    Timestamp,
    Token,
    Verifier,
    Version,
}

const NAMES: [&[u8]; 10] = [
    b"oauth_body_hash",
    b"oauth_callback",
    b"oauth_consumer_key",
    b"oauth_nonce",
    b"oauth_signature",
    b"oauth_signature_method",
    b"oauth_timestamp",
    b"oauth_token",
    b"oauth_verifier",
    b"oauth_version",
];
const PREFIX: &[u8] = b"oauth_";
const MOST_DIGITS: usize = 18;

/// A stretch of the text that was read.
///
/// Small, since what holds them is moved about: the length of what was read is a `u32`.
#[derive(Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
    /// Whether it holds nothing but octets that stand for themselves.
    is_plain: bool,
}

/// Where in a header, a query or a form the protocol parameters stand, no name twice.
pub struct Outline {
    pub placement: Placement,
    realm: Option<Span>,
    known: [Option<Span>; NAMES.len()],
    /// Names and values, in order.
    parameters: Vec<[Span; 2]>,
}

impl Span {
    #[inline(always)]
    fn new(start: usize, end: usize, is_plain: bool) -> Option<Self> {
        Some(Self { start: u32::try_from(start).ok()?, end: u32::try_from(end).ok()?, is_plain })
    }

    #[inline(always)]
    fn of(self, text: &[u8]) -> &[u8] {
        &text[self.start as usize..self.end as usize]
    }
}

impl Outline {
    /// The parameters of an `Authorization` header; `None` if it has an unusual form.
    pub fn of_header(header: &[u8]) -> Option<Self> {
        let mut outline = Self::new(Placement::Header);
        let scheme = b"OAuth ";
        if !header.get(..scheme.len())?.eq_ignore_ascii_case(scheme) {
            return None;
        }
        let mut at = scheme.len();
        let mut places = Reserved::of(header);
        places.skip_to(at);
        loop {
            let mut place = places.next()?;
            while place == at && matches!(header[place], b' ' | b',') {
                at += 1;
                place = places.next()?;
            }
            let name = Span::new(at, place, true)?;
            if header[place] != b'=' || place == at || places.next()? != place + 1 || header[place + 1] != b'"' {
                return None;
            }
            let start = place + 2;
            let mut end = places.next()?;
            let is_plain = header[end] == b'"';
            while is_of_value(header[end]) {
                end = places.next()?;
            }
            if header[end] != b'"' {
                return None;
            }
            outline.add_of_header(header, name, Span::new(start, end, is_plain)?)?;
            at = end + 1;
            match places.next() {
                None if at == header.len() => return Some(outline),
                Some(place) if place == at && header[place] == b',' => at += 1,
                _ => return None,
            }
        }
    }

    /// The protocol parameters of a query or a form; `None` if there are none, or if they have an unusual form.
    pub fn of_form(form: &[u8], placement: Placement) -> Option<Self> {
        let mut outline = Self::new(placement);
        let mut start = 0;
        for piece in form.split(|&octet| octet == b'&') {
            let name_end = piece.iter().position(|&octet| octet == b'=').unwrap_or(piece.len());
            let name = &piece[..name_end];
            let end = start + piece.len();
            if name.starts_with(PREFIX) {
                if escape::unreserved_run(name) < name.len() {
                    return None;
                }
                let value = Span::new((start + name_end + 1).min(end), end, false)?;
                outline.add(form, Span::new(start, start + name_end, true)?, value)?;
            } else if name.contains(&b'%') && escape::unescape(name).starts_with(PREFIX) {
                return None;
            }
            start = end + 1;
        }
        (!outline.parameters.is_empty()).then_some(outline)
    }

    fn new(placement: Placement) -> Self {
        Self { placement, realm: None, known: [None; NAMES.len()], parameters: Vec::with_capacity(NAMES.len()) }
    }

    fn add_of_header(&mut self, header: &[u8], name: Span, value: Span) -> Option<()> {
        if !name.of(header).eq_ignore_ascii_case(b"realm") {
            return self.add(header, name, value);
        }
        self.realm.replace(value).is_none().then_some(())
    }

    /// Adds a parameter, unless there is one of that name.
    fn add(&mut self, text: &[u8], name: Span, value: Span) -> Option<()> {
        let octets = name.of(text);
        let is_new = match known(octets) {
            Some(known) => self.known[known as usize].replace(value).is_none(),
            None => !self.parameters.iter().any(|[other, _]| other.of(text) == octets),
        };
        self.parameters.push([name, value]);
        is_new.then_some(())
    }

    /// The value of a parameter as it stands in the text.
    pub fn value<'a>(&self, text: &'a [u8], name: Known) -> Option<&'a [u8]> {
        self.known[name as usize].map(|value| value.of(text))
    }

    /// The realm, as it stands in the text.
    pub fn realm<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        self.realm.map(|realm| realm.of(text))
    }

    /// Names and values, decoded, in order.
    pub fn decoded<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = (&'a [u8], Vec<u8>)> {
        self.parameters.iter().map(|[name, value]| (name.of(text), self.decode(value.of(text))))
    }

    /// A value, decoded as the place demands where it stands.
    pub fn decode(&self, value: &[u8]) -> Vec<u8> {
        if self.placement == Placement::Header || !value.contains(&b'+') {
            return escape::unescape(value);
        }
        escape::unescape(&value.iter().map(|&octet| if octet == b'+' { b' ' } else { octet }).collect::<Vec<_>>())
    }

    /// Whether what no request may lack is there, and the version is the only one.
    pub fn is_complete(&self, text: &[u8], with_nonce: bool) -> bool {
        let has = |name| self.value(text, name).is_some_and(|value| !value.is_empty());
        let needed: &[Known] = if with_nonce { &[Known::Timestamp, Known::Nonce] } else { &[] };
        [Known::ClientId, Known::Signature].iter().chain(needed).all(|&name| has(name))
            && self.value(text, Known::Version).is_none_or(|version| version == b"1.0")
    }

    /// Adds all parameters of a header but the signature; no other name may begin with `oauth_`.
    pub fn push_to(&self, text: &[u8], parameters: &mut Parameters) {
        if self.known.iter().flatten().count() < self.parameters.len() {
            return self.decoded(text).for_each(|(name, value)| parameters.push_unsigned(name, &value));
        }
        parameters.push_protocol(|out| {
            let mut values = NAMES.iter().zip(&self.known).enumerate();
            let start = out.len();
            values.by_ref().filter(|(place, _)| *place != Known::Signature as usize).for_each(|(_, (name, value))| {
                let Some(value) = value else { return };
                if out.len() > start {
                    out.extend_from_slice(b"%26");
                }
                out.extend_from_slice(name);
                out.extend_from_slice(b"%3D");
                if value.is_plain {
                    escape::push_run::<32>(out, text, value.start as usize, value.end as usize);
                } else {
                    push_encoded_twice(out, value.of(text));
                }
            });
        });
    }
}

/// The seconds of a timestamp; `None` for what is no positive whole number.
pub fn seconds(timestamp: &[u8]) -> Option<i64> {
    let is_number = (1..=MOST_DIGITS).contains(&timestamp.len()) && timestamp.iter().all(u8::is_ascii_digit);
    let seconds = timestamp
        .iter()
        .fold(0_i64, |seconds, digit| seconds.wrapping_mul(10).wrapping_add(i64::from(digit.wrapping_sub(b'0'))));
    (is_number && seconds > 0).then_some(seconds)
}

fn known(name: &[u8]) -> Option<Known> {
    Some(match name {
        b"oauth_body_hash" => Known::BodyHash,
        b"oauth_callback" => Known::Callback,
        b"oauth_consumer_key" => Known::ClientId,
        b"oauth_nonce" => Known::Nonce,
        b"oauth_signature" => Known::Signature,
        b"oauth_signature_method" => Known::SignatureMethod,
        b"oauth_timestamp" => Known::Timestamp,
        b"oauth_token" => Known::Token,
        b"oauth_verifier" => Known::Verifier,
        b"oauth_version" => Known::Version,
        _ => return None,
    })
}

/// Whether the octet may stand between quotation marks without a meaning of its own.
fn is_of_value(octet: u8) -> bool {
    matches!(octet, b' '..=b'~') && !matches!(octet, b'"' | b'\\')
}

/// Writes an escaped value of a header encoded twice.
fn push_encoded_twice(out: &mut Vec<u8>, value: &[u8]) {
    let mut at = 0;
    for place in Reserved::of(value) {
        escape::push_run::<16>(out, value, at, place);
        at = place + 1;
        match escape::escaped_octet(&value[place..]) {
            Some(octet) => {
                escape::push_octet_twice(out, octet);
                at += 2;
            }
            None => escape::push_double_escape(out, value[place]),
        }
    }
    escape::push_run::<16>(out, value, at, value.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = r#"OAuth realm="a, b", oauth_consumer_key="c%2Fk",oauth_token="", oauth_signature_method="HMAC-SHA1", oauth_timestamp="1", oauth_nonce="a b+%2b%zz", oauth_signature="s%3D""#;

    fn pairs(outline: &Outline, text: &str) -> Vec<(String, String)> {
        let string = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
        outline.decoded(text.as_bytes()).map(|(name, value)| (string(name), string(&value))).collect()
    }

    fn text(outline: &Outline, header: &str) -> String {
        let mut parameters = Parameters::default();
        outline.push_to(header.as_bytes(), &mut parameters);
        let mut out = Vec::new();
        parameters.write_sorted(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_header_in_its_usual_form() {
        let outline = Outline::of_header(HEADER.as_bytes()).unwrap();
        assert_eq!(outline.realm(HEADER.as_bytes()), Some(&b"a, b"[..]));
        assert_eq!(outline.value(HEADER.as_bytes(), Known::Token), Some(&b""[..]));
        assert_eq!(outline.value(HEADER.as_bytes(), Known::Version), None);
        assert!(outline.is_complete(HEADER.as_bytes(), true));
        let pairs = pairs(&outline, HEADER);
        assert_eq!(pairs[0], ("oauth_consumer_key".into(), "c/k".into()));
        assert_eq!(pairs[4], ("oauth_nonce".into(), "a b++%zz".into()));
        assert_eq!(pairs.len(), 6);
    }

    #[test]
    fn known_names_alone_give_the_text_that_all_names_give() {
        let outline = Outline::of_header(HEADER.as_bytes()).unwrap();
        let other = format!(r#"{HEADER}, oauth_zz="1""#);
        let longer = Outline::of_header(other.as_bytes()).unwrap();
        assert_eq!(text(&outline, HEADER) + "%26oauth_zz%3D1", text(&longer, &other));
        assert!(
            text(&outline, HEADER)
                .starts_with("oauth_consumer_key%3Dc%252Fk%26oauth_nonce%3Da%2520b%252B%252B%2525zz%26")
        );
        assert!(!text(&outline, HEADER).contains("oauth_signature%3D"));
    }

    #[test]
    fn names_are_in_the_order_of_the_base_string() {
        assert!(NAMES.is_sorted());
        for (place, name) in NAMES.iter().enumerate() {
            assert_eq!(known(name).map(|known| known as usize), Some(place));
        }
    }

    #[test]
    fn unusual_headers_are_left_alone() {
        for header in [
            "",
            "OAuth",
            "OAuth ",
            "Bearer x",
            "OAuth a",
            "OAuth a=",
            "OAuth a=b",
            r#"OAuth a ="b""#,
            r#"OAuth a= "b""#,
            r#"OAuth a="b"#,
            r#"OAuth a="b\"""#,
            r#"OAuth a="b" "#,
            r#"OAuth a="b"x"#,
            r#"OAuth ="b""#,
            r#"OAuth a="b","#,
            r#"OAuth a="b" , c="d""#,
            "OAuth a=\"b\n\"",
            "OAuth a=\"\u{fc}\"",
            r#"OAuth a%41="b""#,
            r#"OAuth a="b", a="c""#,
            r#"OAuth realm="b", Realm="c", a="b""#,
            r#"OAuth oauth_token="b", oauth_token="b""#,
        ] {
            assert!(Outline::of_header(header.as_bytes()).is_none(), "{header:?}");
        }
    }

    #[test]
    fn a_form_gives_its_protocol_parameters() {
        let form = "a=1&oauth_token=x+%2B&&oauth_x&b=oauth_";
        let outline = Outline::of_form(form.as_bytes(), Placement::Query).unwrap();
        assert_eq!(pairs(&outline, form), [("oauth_token".into(), "x +".into()), ("oauth_x".into(), String::new())]);
        for form in
            ["", "a=1", "oauth_a=1&oauth_a=2", "%6fauth_a=1", "oauth_%61=1", "oauth_a+=1", "%6Fauth_a&oauth_b=1"]
        {
            assert!(Outline::of_form(form.as_bytes(), Placement::Body).is_none(), "{form:?}");
        }
    }

    #[test]
    fn what_may_not_be_missing() {
        let complete = |form: &str, with_nonce| {
            Outline::of_form(form.as_bytes(), Placement::Query).unwrap().is_complete(form.as_bytes(), with_nonce)
        };
        let right = "oauth_consumer_key=a&oauth_signature=b&oauth_timestamp=1&oauth_nonce=n";
        assert!(complete(right, true));
        for name in ["oauth_consumer_key", "oauth_signature", "oauth_timestamp", "oauth_nonce"] {
            let value =
                format!("{name}={}", right.split_once(&format!("{name}=")).unwrap().1.split('&').next().unwrap());
            assert!(!complete(&right.replace(&value, &format!("{name}=")), true));
            assert!(!complete(&right.replace(name, "oauth_other"), true));
        }
        assert!(complete("oauth_consumer_key=a&oauth_signature=b", false));
        assert!(complete(&format!("{right}&oauth_version=1.0"), true));
        assert!(!complete(&format!("{right}&oauth_version=1.0a"), true));
    }

    #[test]
    fn timestamps() {
        for (text, expected) in
            [("1", Some(1)), ("0017", Some(17)), ("999999999999999999", Some(999_999_999_999_999_999))]
        {
            assert_eq!(seconds(text.as_bytes()), expected);
        }
        for text in ["", "0", "000", "-1", "1.5", "x", " 1", "1000000000000000000"] {
            assert_eq!(seconds(text.as_bytes()), None, "{text:?}");
        }
    }
}
