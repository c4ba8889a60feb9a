//! The protocol parameters of a received request, as they came. Spec: RFC 5849 sections 3.2 and 3.5.
//!
//! Read is the usual form alone: everything else is left to `oauthreg/signing/verify.py`, which says what is wrong with it.

use std::{
    iter,
    ops::{Deref, Range},
    sync::Arc,
};

use crate::{
    escape::{self, Reserved},
    params::{AMPERSAND, EQUALS, Parameters},
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

/// A name as it stands in the base string before its value, with room behind it so that it is copied in one step.
struct Start {
    text: [u8; LONGEST_START],
    length: usize,
}

const LONGEST_START: usize = 32;
/// The names, in their order.
const STARTS: [Start; NAMES.len()] = {
    let mut starts = [const { Start { text: [0; LONGEST_START], length: 0 } }; NAMES.len()];
    let mut place = 0;
    while place < NAMES.len() {
        let (start, name) = (&mut starts[place], NAMES[place]);
        start.length = name.len() + EQUALS.len();
        let mut at = 0;
        while at < start.length {
            start.text[at] = if at < name.len() { name[at] } else { EQUALS[at - name.len()] };
            at += 1;
        }
        place += 1;
    }
    starts
};
const MOST_DIGITS: usize = 18;
const MOST_OTHERS: usize = 32;

/// A stretch of the text that was read.
///
/// A text has no more octets than a `u32` counts.
#[derive(Clone, Copy, Default)]
struct Span {
    start: u32,
    end: u32,
}

/// Where in a header, a query or a form the protocol parameters stand, no name twice.
///
/// Small, since it is moved about: all headers that differ in no more than fresh values share a layout.
pub struct Outline {
    layout: Arc<Layout>,
    /// How much longer the signature is than there, which moves what stands behind it; wrapping.
    longer: u32,
}

/// Where they stand in one text.
pub struct Layout {
    pub placement: Placement,
    realm: Option<Span>,
    /// The values of those that mean something to a check.
    known: [Span; NAMES.len()],
    /// A bit for each of them that is there.
    found: u16,
    /// A bit for each of which is known that all its octets stand for themselves.
    plain: u16,
    /// Names and values of all others.
    others: Vec<[Span; 2]>,
}

/// What is another in each header.
const FRESH: [Known; 3] = [Known::Nonce, Known::Timestamp, Known::Signature];

/// The header that was read before, of which the next one often differs in nonce, timestamp and signature alone.
#[derive(Default)]
pub struct FormerHeader {
    /// The header, or what of it comes before these values: of a client that has sent no other in a row, no more is kept.
    text: Vec<u8>,
    /// The length of what comes before; 0 if nothing is kept.
    start: usize,
    /// `None` if no more is kept than that.
    layout: Option<Arc<Layout>>,
    /// The places of the three, in the order in which they stand.
    order: [usize; FRESH.len()],
    /// Its parameters as they stand in the base string, and where in that its nonce and its timestamp begin.
    parameters: Vec<u8>,
    nonce: usize,
    timestamp: usize,
}

/// A place or a length in a text that is read.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "no longer text is read")]
fn narrow(octets: usize) -> u32 {
    octets as u32
}

impl Span {
    #[inline(always)]
    fn new(start: usize, end: usize) -> Self {
        Self { start: narrow(start), end: narrow(end) }
    }

    #[inline(always)]
    fn of(self, text: &[u8]) -> &[u8] {
        &text[self.range()]
    }

    #[inline(always)]
    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl Known {
    #[inline(always)]
    fn bit(self) -> u16 {
        1 << self as usize
    }
}

impl Layout {
    fn of_header(header: &[u8]) -> Option<Self> {
        let mut layout = Self::new(Placement::Header, header)?;
        let scheme = b"OAuth ";
        if !header.get(..scheme.len())?.eq_ignore_ascii_case(scheme) {
            return None;
        }
        let mut at = scheme.len();
        let mut places = Reserved::of(header);
        loop {
            while matches!(header.get(at), Some(b' ' | b',')) {
                at += 1;
            }
            places.pass(at);
            let name_end = places.next()?;
            if name_end == at || !header[name_end..].starts_with(b"=\"") {
                return None;
            }
            let start = name_end + 2;
            places.pass(start);
            let mut end = places.next()?;
            let is_plain = header[end] == b'"';
            while is_of_value(header[end]) {
                end = places.next()?;
            }
            if header[end] != b'"' {
                return None;
            }
            layout.add_of_header(header, Span::new(at, name_end), Span::new(start, end), is_plain)?;
            at = end + 1;
            match header.get(at) {
                None => return Some(layout),
                Some(b',') => at += 1,
                Some(_) => return None,
            }
        }
    }

    fn of_form(form: &[u8], placement: Placement) -> Option<Self> {
        let mut layout = Self::new(placement, form)?;
        let mut start = 0;
        for piece in form.split(|&octet| octet == b'&') {
            let name_end = piece.iter().position(|&octet| octet == b'=').unwrap_or(piece.len());
            let name = &piece[..name_end];
            let end = start + piece.len();
            if name.starts_with(PREFIX) {
                if escape::unreserved_run(name) < name.len() {
                    return None;
                }
                let value = Span::new((start + name_end + 1).min(end), end);
                layout.add(form, Span::new(start, start + name_end), value, false)?;
            } else if name.contains(&b'%') && escape::unescape(name).starts_with(PREFIX) {
                return None;
            }
            start = end + 1;
        }
        (layout.found != 0 || !layout.others.is_empty()).then_some(layout)
    }

    fn new(placement: Placement, text: &[u8]) -> Option<Self> {
        u32::try_from(text.len()).ok()?;
        Some(Self {
            placement,
            realm: None,
            known: [Span::default(); NAMES.len()],
            found: 0,
            plain: 0,
            others: Vec::new(),
        })
    }

    /// Adds a parameter of a header or its realm, unless there is one of that name.
    #[inline(always)]
    fn add_of_header(&mut self, header: &[u8], name: Span, value: Span, is_plain: bool) -> Option<()> {
        if name.of(header).eq_ignore_ascii_case(b"realm") {
            return self.realm.replace(value).is_none().then_some(());
        }
        self.add(header, name, value, is_plain)
    }

    /// Adds a parameter, unless there is one of that name.
    #[inline(always)]
    fn add(&mut self, text: &[u8], name: Span, value: Span, is_plain: bool) -> Option<()> {
        let Some(known) = known(name.of(text)) else { return self.add_other(text, name, value) };
        let is_new = self.found & known.bit() == 0;
        self.known[known as usize] = value;
        self.found |= known.bit();
        self.plain |= if is_plain { known.bit() } else { 0 };
        is_new.then_some(())
    }

    /// A request with more of them than anybody sends is left alone, lest each name is compared with thousands.
    #[cold]
    fn add_other(&mut self, text: &[u8], name: Span, value: Span) -> Option<()> {
        if self.others.len() == MOST_OTHERS {
            return None;
        }
        let is_new = !self.others.iter().any(|[other, _]| other.of(text) == name.of(text));
        self.others.push([name, value]);
        is_new.then_some(())
    }
}

impl Deref for Outline {
    type Target = Layout;

    fn deref(&self) -> &Layout {
        &self.layout
    }
}

impl Outline {
    /// The parameters of an `Authorization` header; `None` if it has an unusual form.
    pub fn of_header(header: &[u8]) -> Option<Self> {
        Layout::of_header(header).map(Self::new)
    }

    /// The protocol parameters of a query or a form; `None` if there are none, or if they have an unusual form.
    pub fn of_form(form: &[u8], placement: Placement) -> Option<Self> {
        Layout::of_form(form, placement).map(Self::new)
    }

    fn new(layout: Layout) -> Self {
        Self { layout: Arc::new(layout), longer: 0 }
    }

    /// The value of a parameter as it stands in the text.
    #[inline(always)]
    pub fn value<'a>(&self, text: &'a [u8], name: Known) -> Option<&'a [u8]> {
        (self.found & name.bit() != 0).then(|| self.span(name as usize).of(text))
    }

    /// The realm, as it stands in the text.
    pub fn realm<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        self.realm.map(|realm| self.place(realm).of(text))
    }

    /// Names and values, decoded, in order.
    pub fn decoded<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = (&'a [u8], Vec<u8>)> {
        let known = places(self.found).map(|place| (NAMES[place], self.span(place)));
        let others = self.others.iter().map(|[name, value]| (self.place(*name).of(text), self.place(*value)));
        let mut parameters: Vec<_> = known.chain(others).collect();
        parameters.sort_unstable_by_key(|(_, value)| value.start);
        parameters.into_iter().map(|(name, value)| (name, self.decode(value.of(text))))
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
        let has = |name: Known| !self.span(name as usize).range().is_empty();
        has(Known::ClientId)
            && has(Known::Signature)
            && (!with_nonce || (has(Known::Timestamp) && has(Known::Nonce)))
            && self.value(text, Known::Version).is_none_or(|version| version == b"1.0")
    }

    /// Adds all parameters of a header but the signature; no other name may begin with `oauth_`.
    pub fn push_to(&self, text: &[u8], parameters: &mut Parameters) {
        if self.others.is_empty() {
            parameters.push_protocol(|out| self.write(text, out, |_, _| ()));
        } else {
            self.decoded(text).for_each(|(name, value)| parameters.push_unsigned(name, &value));
        }
    }

    /// Writes the parameters that mean something to a check as they stand in the base string; `note` is told where the
    /// value of each begins.
    #[inline(always)]
    fn write(&self, text: &[u8], out: &mut Vec<u8>, mut note: impl FnMut(usize, usize)) {
        for place in places(self.found & !Known::Signature.bit()) {
            let (start, value) = (&STARTS[place], self.span(place));
            escape::push_run::<LONGEST_START>(out, &start.text, 0, start.length);
            note(place, out.len());
            if self.plain & 1 << place != 0 {
                escape::push_run::<32>(out, text, value.start as usize, value.end as usize);
            } else {
                push_encoded_twice(out, value.of(text));
            }
            out.extend_from_slice(AMPERSAND);
        }
        out.truncate(out.len() - AMPERSAND.len());
    }

    /// Whether the next header may differ in nonce, timestamp and signature alone: all are there, the first two plain.
    ///
    /// The signature of PLAINTEXT is the secrets, which are not to be kept.
    fn is_repeatable(&self, text: &[u8]) -> bool {
        let fresh = Known::Nonce.bit() | Known::Timestamp.bit();
        self.others.is_empty()
            && self.plain & fresh == fresh
            && self.found & Known::Signature.bit() != 0
            && self.value(text, Known::SignatureMethod) != Some(b"PLAINTEXT")
    }

    /// The stretch of a text with this outline that lies as `span` does in the layout's.
    #[inline(always)]
    fn place(&self, span: Span) -> Span {
        let behind = self.known[Known::Signature as usize].end;
        let moved = |place: u32| if place < behind { place } else { place.wrapping_add(self.longer) };
        Span { start: moved(span.start), end: moved(span.end) }
    }

    /// The stretch of a known value.
    #[inline(always)]
    fn span(&self, place: usize) -> Span {
        self.place(self.known[place])
    }
}

impl FormerHeader {
    /// The parameters of the next header; `None` if it has an unusual form.
    pub fn turn_to(&mut self, header: &[u8]) -> Option<Outline> {
        let begins_alike = self.start > 0 && header.starts_with(&self.text[..self.start]);
        if begins_alike && let Some(outline) = self.change_to(header) {
            return Some(outline);
        }
        self.text.clear();
        (self.start, self.layout) = (0, None);
        let outline = Outline::of_header(header)?;
        if outline.is_repeatable(header) {
            self.order = FRESH.map(|name| name as usize);
            self.order.sort_unstable_by_key(|&place| outline.known[place].start);
            self.start = outline.known[self.order[0]].start as usize;
            if begins_alike {
                self.keep(header, &outline);
            } else {
                self.text.extend_from_slice(&header[..self.start]);
            }
        }
        Some(outline)
    }

    /// Adds all parameters of the header that was turned to but its signature; no other name may begin with `oauth_`.
    pub fn push_to(&self, outline: &Outline, header: &[u8], parameters: &mut Parameters) {
        if self.layout.is_some() {
            parameters.push_protocol(|out| {
                let start = out.len();
                out.extend_from_slice(&self.parameters);
                for (name, at) in [(Known::Nonce, self.nonce), (Known::Timestamp, self.timestamp)] {
                    let value = outline.span(name as usize).of(header);
                    out[start + at..][..value.len()].copy_from_slice(value);
                }
            });
        } else {
            outline.push_to(header, parameters);
        }
    }

    /// How much room it has taken.
    pub fn capacity(&self) -> usize {
        self.text.capacity().max(self.parameters.capacity())
    }

    fn keep(&mut self, header: &[u8], outline: &Outline) {
        let Self { text, parameters, nonce, timestamp, .. } = self;
        text.extend_from_slice(header);
        parameters.clear();
        outline.write(header, parameters, |place, at| {
            if place == Known::Nonce as usize {
                *nonce = at;
            } else if place == Known::Timestamp as usize {
                *timestamp = at;
            }
        });
        self.layout = Some(outline.layout.clone());
    }

    /// The parameters of a header like the former one, as which it begins: nonce and timestamp are as long and as plain,
    /// the signature is any, all else is the same.
    fn change_to(&self, header: &[u8]) -> Option<Outline> {
        let layout = self.layout.as_ref()?;
        u32::try_from(header.len()).ok()?;
        let former = layout.known[Known::Signature as usize].range();
        let signature = header.get(former.start..)?;
        let length = Reserved::of(signature).find(|&place| !is_of_value(signature[place]))?;
        let outline = Outline { layout: layout.clone(), longer: narrow(length).wrapping_sub(narrow(former.len())) };
        let (mut at, mut former_at) = (self.start, self.start);
        for place in self.order {
            let (value, former_value) = (outline.span(place).range(), layout.known[place].range());
            if header.get(at..value.start)? != &self.text[former_at..former_value.start] {
                return None;
            }
            (at, former_at) = (value.end, former_value.end);
        }
        let is_plain = |name| {
            let value = outline.span(name as usize).of(header);
            escape::unreserved_run(value) == value.len()
        };
        let is_alike = header.get(at..)? == &self.text[former_at..];
        (is_alike && is_plain(Known::Nonce) && is_plain(Known::Timestamp)).then_some(outline)
    }
}

/// The seconds of a timestamp; `None` for what is no positive whole number.
pub fn seconds(timestamp: &[u8]) -> Option<i64> {
    if timestamp.len() > MOST_DIGITS {
        return None;
    }
    let mut seconds = 0;
    for digit in timestamp {
        let value = digit.wrapping_sub(b'0');
        if value > 9 {
            return None;
        }
        seconds = 10 * seconds + i64::from(value);
    }
    (seconds > 0).then_some(seconds)
}

/// The places of the bits that are set, in order.
fn places(mut bits: u16) -> impl Iterator<Item = usize> {
    iter::from_fn(move || {
        let place = bits.trailing_zeros() as usize;
        bits &= bits.checked_sub(1)?;
        Some(place)
    })
}

#[inline(always)]
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

    /// All that a check asks of a header, after the former one.
    fn read(former: &mut FormerHeader, header: &str) -> Option<String> {
        let outline = former.turn_to(header.as_bytes())?;
        let mut parameters = Parameters::default();
        former.push_to(&outline, header.as_bytes(), &mut parameters);
        let mut text = Vec::new();
        parameters.write_sorted(&mut text);
        let (pairs, text) = (pairs(&outline, header), String::from_utf8(text).unwrap());
        let is_complete = outline.is_complete(header.as_bytes(), true);
        Some(format!("{pairs:?} {text} {:?} {is_complete}", outline.realm(header.as_bytes())))
    }

    #[test]
    fn what_is_kept_of_a_header_changes_no_other_header() {
        let orders = [
            r#"OAuth realm="r", oauth_consumer_key="k", oauth_nonce="N", oauth_timestamp="T", oauth_signature="S""#,
            r#"OAuth oauth_signature="S", oauth_nonce="N", oauth_timestamp="T", oauth_token="t", realm="r""#,
            r#"oauth oauth_timestamp="T",oauth_signature="S",oauth_nonce="N",oauth_version="1.0""#,
            r#"OAuth oauth_nonce="N", oauth_signature="S", oauth_x="y", oauth_timestamp="T""#,
            r#"OAuth oauth_nonce="N", oauth_signature="S", oauth_nonce="N", oauth_timestamp="T""#,
            r#"OAuth oauth_nonce="N", oauth_consumer_key="k", oauth_timestamp="T""#,
            r#"OAuth oauth_consumer_key="k", oauth_signature="S""#,
            r#"OAuth oauth_nonce="N", oauth_timestamp="T", oauth_signature="S" "#,
        ];
        let values = [
            ["n1", "17", "a%2Bb%3D"],
            ["n2", "18", "aaaaaa"],
            ["n1", "17", ""],
            ["", "", "s"],
            ["n%", "17", "s"],
            ["n\"", "17", "s"],
            ["n2", "1", "s\\"],
            ["n\", o=\"", "17", "a\", b=\"c"],
            ["n1", "17", "\n"],
            ["n1", "17", "\u{fc}"],
            ["n1", "1%", "s\", oauth_token=\"t"],
        ];
        let headers: Vec<_> = orders
            .iter()
            .flat_map(|order| {
                values.map(|[nonce, timestamp, signature]| {
                    let header = order.replace("\"N\"", &format!("\"{nonce}\""));
                    let header = header.replace("\"T\"", &format!("\"{timestamp}\""));
                    header.replace("\"S\"", &format!("\"{signature}\""))
                })
            })
            .chain([String::new(), "OAuth ".into(), "Bearer x".into()])
            .collect();
        let fresh: Vec<_> = headers.iter().map(|header| read(&mut FormerHeader::default(), header)).collect();
        let kept = &mut FormerHeader::default();
        for one in &headers {
            for (other, expected) in headers.iter().zip(&fresh) {
                for times in 1..=3 {
                    (0..times).for_each(|_| drop(kept.turn_to(one.as_bytes())));
                    assert_eq!(&read(kept, other), expected, "{other:?} after {one:?}, {times} times");
                }
            }
        }
        assert!(fresh.iter().filter(|outcome| outcome.is_some()).count() > headers.len() / 3);
    }

    #[test]
    fn a_header_like_the_former_one_is_not_read_anew() {
        let header = r#"OAuth oauth_token="t", oauth_nonce="n1", oauth_signature="s%3D", oauth_timestamp="17""#;
        let mut former = FormerHeader::default();
        former.turn_to(header.as_bytes()).unwrap();
        assert!(former.layout.is_none() && former.text == br#"OAuth oauth_token="t", oauth_nonce=""#);
        former.turn_to(header.as_bytes()).unwrap();
        for other in [header, &header.replace("n1", "n2"), &header.replace("s%3D", "").replace("17", "18")] {
            assert!(former.change_to(other.as_bytes()).is_some(), "{other:?}");
        }
        for other in [&header.replace("n1", "n12"), &header.replace("n1", "n%"), &header.replace("7\"", "7\",x=\"")] {
            assert!(former.change_to(other.as_bytes()).is_none(), "{other:?}");
        }
    }

    #[test]
    fn secrets_are_not_kept() {
        let mut former = FormerHeader::default();
        for _ in 0..3 {
            former.turn_to(HEADER.replace("HMAC-SHA1", "PLAINTEXT").replace("a b+%2b%zz", "n").as_bytes()).unwrap();
            assert!(former.text.is_empty() && former.parameters.is_empty());
        }
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
        let form = "oauth_x=1&oauth_version=2&oauth_a=3&oauth_token=4";
        let outline = Outline::of_form(form.as_bytes(), Placement::Query).unwrap();
        let joined: Vec<_> = pairs(&outline, form).iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(joined.join("&"), form);
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
