//! The parameters of a request: decoded, encoded, sorted and joined.
//!
//! Spec: RFC 5849 sections 3.4.1.3.1 and 3.4.1.3.2.

use std::cmp::Ordering;

use crate::{
    error::Refusal,
    escape::{self, Reserved},
    escapes,
};

/// `=` and `&` as they stand in the base string.
pub const EQUALS: &[u8] = b"%3D";
pub const AMPERSAND: &[u8] = b"%26";
const PROTOCOL_PREFIX: &[u8; 6] = b"oauth_";
const SIGNATURE: &[u8] = b"oauth_signature";

/// What becomes of protocol parameters that a query or a body brings along.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Foreign {
    /// All are refused.
    Refused,
    /// `oauth_signature` is left out, all others are refused.
    RefusedButSignature,
    /// `oauth_signature` is left out, all others count.
    Counted,
}

/// The parameters of one request, as they stand in the base string: encoded twice, `name%3Dvalue`.
///
/// The second encoding only turns `%` into `%25`, which keeps the order of any two texts, so sorting may come last.
#[derive(Default)]
pub struct Parameters {
    text: Vec<u8>,
    entries: Vec<Entry>,
    /// The first octets of each name, which decide most comparisons, and in the last places the entry's number.
    keys: Vec<Key>,
}

struct Entry {
    start: usize,
    name_end: usize,
    end: usize,
}

/// An entry that is no longer is copied as if it were so long, which is faster.
const MOST_COPIED: usize = 64;

type Key = u128;
/// The octets of a key that are of the name.
const HEAD: usize = size_of::<Key>() - size_of::<u16>();

impl Parameters {
    /// Takes all parameters out and makes room for a text of `capacity` octets.
    pub fn clear(&mut self, capacity: usize) {
        self.text.clear();
        self.text.reserve(capacity);
        self.entries.clear();
        self.keys.clear();
    }

    /// How much room the parameters have taken.
    pub fn capacity(&self) -> usize {
        self.text
            .capacity()
            .max(self.entries.capacity() * size_of::<Entry>())
            .max(self.keys.capacity() * size_of::<Key>())
    }

    /// Adds a decoded parameter.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        let start = self.text.len();
        escape::push_twice(&mut self.text, name);
        let name_end = self.text.len();
        self.text.extend_from_slice(EQUALS);
        escape::push_twice(&mut self.text, value);
        self.close(start, name_end);
    }

    /// Adds a decoded parameter, unless it is a signature.
    pub fn push_unsigned(&mut self, name: &[u8], value: &[u8]) {
        if name != SIGNATURE {
            self.push(name, value);
        }
    }

    /// Adds all protocol parameters at once, as `write` gives them: sorted, encoded twice and joined.
    ///
    /// They stay together when sorted if no other name begins with `oauth_`, which the caller knows.
    pub fn push_protocol(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.text.len();
        write(&mut self.text);
        self.push_entry(const { protocol_key() }, start, start + PROTOCOL_PREFIX.len());
    }

    /// Adds the parameters of a query or a form body; empty pieces give none.
    pub fn push_form(&mut self, form: &[u8], place: &'static str, foreign: Foreign) -> Result<(), Refusal> {
        let mut reader = Reader { form, at: 0, places: Reserved::of(form), is_plain: true };
        while reader.at < form.len() {
            let (piece, start) = (reader.at, self.text.len());
            reader.is_plain = true;
            let mut end = reader.push_until(&mut self.text, |octet| matches!(octet, b'&' | b'='));
            let name_end = self.text.len();
            // What was just written cannot be read back without waiting: a name without escapes is read where it came from.
            let key = if reader.is_plain { key(form, piece, end) } else { key(&self.text, start, name_end) };
            if end < form.len() && form[end] == b'=' {
                self.text.extend_from_slice(EQUALS);
                end = reader.push_until(&mut self.text, |octet| octet == b'&');
            } else if end > piece {
                self.text.extend_from_slice(EQUALS);
            } else {
                continue;
            }
            self.close_piece(key, start, name_end, &form[piece..end], place, foreign)?;
        }
        Ok(())
    }

    /// Ends the parameter that was read from `octets`.
    #[inline(always)]
    fn close_piece(
        &mut self,
        key: Key,
        start: usize,
        name_end: usize,
        octets: &[u8],
        place: &'static str,
        foreign: Foreign,
    ) -> Result<(), Refusal> {
        if key & PROTOCOL_HEAD == const { protocol_key() } {
            let is_signature = &self.text[start..name_end] == SIGNATURE;
            if is_signature && foreign != Foreign::Refused {
                self.text.truncate(start);
                return Ok(());
            }
            if foreign != Foreign::Counted {
                let name = parse(octets).swap_remove(0).0;
                return Err(Refusal::ProtocolParameter { name, place });
            }
        }
        self.push_entry(key, start, name_end);
        Ok(())
    }

    /// How many octets `write_sorted` will write.
    pub fn sorted_len(&self) -> usize {
        self.text.len() + AMPERSAND.len() * self.entries.len().saturating_sub(1)
    }

    /// Writes all parameters, sorted by name, then by value, and joined.
    pub fn write_sorted(&mut self, out: &mut Vec<u8>) {
        let Self { text, entries, keys } = self;
        let length = text.len();
        // What is copied in steps of known size may reach beyond the last entry.
        text.extend_from_slice(&[0; MOST_COPIED]);
        if entries.len() > usize::from(u16::MAX) {
            entries.sort_unstable_by(|a, b| a.compare(b, text));
            write_joined(out, text, entries.iter());
        } else {
            keys.sort_unstable();
            for alike in keys.chunk_by_mut(|a, b| a >> 16 == b >> 16).filter(|alike| alike.len() > 1) {
                alike.sort_unstable_by(|&a, &b| entries[number(a)].compare(&entries[number(b)], text));
            }
            write_joined(out, text, keys.iter().map(|&key| &entries[number(key)]));
        }
        text.truncate(length);
    }

    fn close(&mut self, start: usize, name_end: usize) {
        self.push_entry(key(&self.text, start, name_end), start, name_end);
    }

    #[inline]
    fn push_entry(&mut self, key: Key, start: usize, name_end: usize) {
        self.keys.push(key | self.entries.len() as Key);
        self.entries.push(Entry { start, name_end, end: self.text.len() });
    }
}

/// Length of a name -> which bits of a key are of the name.
const HEADS: [Key; HEAD + 1] = {
    let mut heads = [0; HEAD + 1];
    let mut length = 1;
    while length <= HEAD {
        heads[length] = Key::MAX << (8 * (size_of::<Key>() - length));
        length += 1;
    }
    heads
};

/// The key of the name `octets[from..to]`, without a number: its start in big-endian order, with zeros behind a short one.
#[inline(always)]
fn key(octets: &[u8], from: usize, to: usize) -> Key {
    let length = (to - from).min(HEAD);
    let start = octets[from..].first_chunk().copied().unwrap_or_else(|| {
        let mut start = [0; size_of::<Key>()];
        start[..length].copy_from_slice(&octets[from..from + length]);
        start
    });
    // What follows a short name is blotted out.
    Key::from_be_bytes(start) & HEADS[length]
}

/// Which bits of a key tell whether the name begins as those of protocol parameters.
const PROTOCOL_HEAD: Key = HEADS[PROTOCOL_PREFIX.len()];

/// The key of a name that is no more than the prefix of protocol parameters.
const fn protocol_key() -> Key {
    let mut start = [0; size_of::<Key>()];
    let mut place = 0;
    while place < PROTOCOL_PREFIX.len() {
        start[place] = PROTOCOL_PREFIX[place];
        place += 1;
    }
    Key::from_be_bytes(start)
}

impl Entry {
    fn compare(&self, other: &Self, text: &[u8]) -> Ordering {
        let names = text[self.start..self.name_end].cmp(&text[other.start..other.name_end]);
        names.then_with(|| text[self.name_end..self.end].cmp(&text[other.name_end..other.end]))
    }
}

/// The number of the entry that has the key.
fn number(key: Key) -> usize {
    let [.., high, low] = key.to_be_bytes();
    usize::from(u16::from_be_bytes([high, low]))
}

fn write_joined<'a>(out: &mut Vec<u8>, text: &[u8], entries: impl Iterator<Item = &'a Entry>) {
    for (place, entry) in entries.enumerate() {
        if place > 0 {
            out.extend_from_slice(AMPERSAND);
        }
        escape::push_run::<MOST_COPIED>(out, text, entry.start, entry.end);
    }
}

/// What reads a query or a form.
struct Reader<'a> {
    form: &'a [u8],
    /// What lies before has been read.
    at: usize,
    places: Reserved<'a>,
    /// Whether what was read last was written as it stood.
    is_plain: bool,
}

impl Reader<'_> {
    /// Writes what is decoded encoded twice, up to the first octet that `is_end` takes; gives the place of that.
    ///
    /// It stands once for names and once for values, so that the processor learns what follows each.
    #[inline(always)]
    fn push_until(&mut self, out: &mut Vec<u8>, is_end: impl Fn(u8) -> bool) -> usize {
        let form = self.form;
        while let Some(place) = self.places.next() {
            escape::push_run::<16>(out, form, self.at, place);
            self.at = place + 1;
            let octet = form[place];
            if octet == b'%' {
                self.is_plain = false;
                self.push_escape(out, place);
            } else if is_end(octet) {
                return place;
            } else {
                self.is_plain = false;
                escape::push_double_escape(out, if octet == b'+' { b' ' } else { octet });
            }
        }
        escape::push_run::<16>(out, form, self.at, form.len());
        self.at = form.len();
        form.len()
    }

    #[inline(always)]
    fn push_escape(&mut self, out: &mut Vec<u8>, place: usize) {
        match self.form[place..] {
            // The first of many.
            [_, high, low, b'%', _, _, b'%', _, _, b'%', _, _, b'%', ..] if escape::are_digits(high, low) => {
                self.at = place + escapes::push_twice(out, &self.form[place..]);
                self.places.skip_to(self.at);
            }
            // Its digits are written with what follows them.
            [_, high, low, ..] if escape::are_digits(high, low) => out.extend_from_slice(b"%25"),
            ref octets => match escape::escaped_octet(octets) {
                Some(octet) => {
                    escape::push_octet_twice(out, octet);
                    self.at += 2;
                }
                None => escape::push_double_escape(out, b'%'),
            },
        }
    }
}

/// The decoded names and values in a query or form body, in order.
pub fn parse(form: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let decode = |text: &[u8]| {
        let spaced: Vec<u8> = text.iter().map(|&octet| if octet == b'+' { b' ' } else { octet }).collect();
        escape::unescape(&spaced)
    };
    form.split(|&octet| octet == b'&')
        .filter(|piece| !piece.is_empty())
        .map(|piece| match piece.iter().position(|&octet| octet == b'=') {
            Some(at) => (decode(&piece[..at]), decode(&piece[at + 1..])),
            None => (decode(piece), Vec::new()),
        })
        .collect()
}

/// The decoded pairs encoded once, sorted and joined.
pub fn normalize(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let once = |octets: &[u8]| {
        let mut out = Vec::new();
        escape::push_once(&mut out, octets);
        out
    };
    let mut encoded: Vec<_> = pairs.iter().map(|(name, value)| (once(name), once(value))).collect();
    encoded.sort_unstable();
    let joined: Vec<_> = encoded.into_iter().map(|(name, value)| [name, value].join(&b'=')).collect();
    joined.join(&b'&')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(form: &str, foreign: Foreign) -> Result<String, Refusal> {
        let mut parameters = Parameters::default();
        parameters.push_form(form.as_bytes(), "query", foreign)?;
        let mut out = Vec::new();
        parameters.write_sorted(&mut out);
        assert_eq!(out.len(), parameters.sorted_len());
        Ok(String::from_utf8(out).unwrap())
    }

    fn counted(form: &str) -> String {
        sorted(form, Foreign::Counted).unwrap()
    }

    #[test]
    fn a_form_is_decoded_and_encoded_twice() {
        assert_eq!(counted("c2=&a3=2+q&b5=%3d%253D"), "a3%3D2%2520q%26b5%3D%253D%25253D%26c2%3D");
    }

    #[test]
    fn empty_pieces_give_nothing_and_lone_names_an_empty_value() {
        assert_eq!(counted("&&a&&=&"), "%3D%26a%3D");
    }

    #[test]
    fn only_the_first_equals_sign_separates() {
        assert_eq!(counted("a=b=c"), "a%3Db%253Dc");
    }

    #[test]
    fn percent_debris_stands_for_itself() {
        assert_eq!(counted("a=%&b=%4&c=%zz"), "a%3D%2525%26b%3D%25254%26c%3D%2525zz");
    }

    #[test]
    fn pairs_are_sorted_by_name_then_value_and_not_as_joined_text() {
        assert_eq!(
            counted("a-b=1&a=2&a=10&abcdefghi=1&abcdefgh=2"),
            ["a%3D10", "a%3D2", "a-b%3D1", "abcdefgh%3D2", "abcdefghi%3D1"].join("%26")
        );
        // The first name is as long encoded twice as it was.
        assert_eq!(counted("%61%2525=1&a=2"), "a%3D2%26a%252525%3D1");
    }

    #[test]
    fn more_parameters_than_a_key_can_number_are_sorted_as_well() {
        for count in [65_535, 65_536, 70_000] {
            let pieces: Vec<_> =
                (0..count).map(|number| format!("name_that_is_long_{:05}", number * 7 % count)).collect();
            let mut sorted = pieces.clone();
            sorted.sort_unstable();
            assert_eq!(counted(&pieces.join("&")), sorted.join("%3D%26") + "%3D");
        }
    }

    #[test]
    fn names_are_sorted_in_their_encoded_form() {
        assert_eq!(counted("%C3%BC=1&~=2&z=3&!=4"), "%2521%3D4%26%25C3%25BC%3D1%26z%3D3%26~%3D2");
    }

    #[test]
    fn foreign_protocol_parameters_are_refused_by_their_decoded_name() {
        let refusal = |name: &[u8]| Refusal::ProtocolParameter { name: name.to_vec(), place: "query" };
        assert_eq!(sorted("a=1&%6fauth_x+y=2", Foreign::Refused), Err(refusal(b"oauth_x y")));
        assert_eq!(sorted("oauth_signature=2", Foreign::Refused), Err(refusal(b"oauth_signature")));
        assert_eq!(sorted("oauth_signature=2&oauth_token", Foreign::RefusedButSignature), Err(refusal(b"oauth_token")));
    }

    #[test]
    fn a_foreign_signature_is_left_out_where_that_is_asked_for() {
        assert_eq!(sorted("b=1&oauth%5Fsignature=x&a=2", Foreign::RefusedButSignature).unwrap(), "a%3D2%26b%3D1");
        assert_eq!(counted("oauth_signature=x&oauth_signature_method=y"), "oauth_signature_method%3Dy");
    }

    #[test]
    fn the_protocol_block_sorts_as_its_prefix() {
        let mut parameters = Parameters::default();
        parameters.push_form(b"oauth=1&oautha=2&zz=3", "query", Foreign::Refused).unwrap();
        parameters.push_protocol(|out| out.extend_from_slice(b"oauth_a%3D1%26oauth_b%3D2"));
        let mut out = Vec::new();
        parameters.write_sorted(&mut out);
        assert_eq!(out, b"oauth%3D1%26oauth_a%3D1%26oauth_b%3D2%26oautha%3D2%26zz%3D3");
    }

    #[test]
    fn parsing_keeps_order_and_octets() {
        let pair = |name: &[u8], value: &[u8]| (name.to_vec(), value.to_vec());
        assert_eq!(parse(b"b=%ff&&a+=%+x&c"), [pair(b"b", b"\xFF"), pair(b"a ", b"% x"), pair(b"c", b"")]);
    }

    #[test]
    fn normalizing_encodes_once() {
        let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        assert_eq!(normalize(&[pair("b", "=%3D"), pair("a", "r b"), pair("a", "")]), b"a=&a=r%20b&b=%3D%253D");
    }
}
