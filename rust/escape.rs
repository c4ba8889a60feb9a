//! Percent-encoding, once and twice, and back.
//!
//! Names and values of parameters stand in the base string encoded twice. Both encodings are written in one go: an octet
//! that is not unreserved becomes `%25XX`.
//!
//! Spec: RFC 5849 section 3.6.

use fearless_simd::{Level, Simd, dispatch, i8x16, prelude::*, u8x16};

const UNRESERVED: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = 0;
    while octet < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "the loop ends at 255")]
        let character = octet as u8;
        table[octet] = character.is_ascii_alphanumeric() || matches!(character, b'-' | b'.' | b'_' | b'~');
        octet += 1;
    }
    table
};

/// Octet -> its two digits.
const HEX: [[u8; 2]; 256] = {
    let digits = b"0123456789ABCDEF";
    let mut table = [[0; 2]; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = [digits[octet >> 4], digits[octet & 15]];
        octet += 1;
    }
    table
};

const NO_DIGIT: u8 = 16;

/// Character -> the value of the hexadecimal digit.
const DIGIT: [u8; 256] = {
    let mut table = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        let digit = b"0123456789abcdef"[value as usize];
        table[digit as usize] = value;
        table[digit.to_ascii_uppercase() as usize] = value;
        value += 1;
    }
    table
};

/// Upper-case digit -> a bit for each lower half with which it makes a reserved octet.
const LOWER_HALVES: [u16; 256] = {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        if !UNRESERVED[octet] {
            table[HEX[octet][0] as usize] |= 1 << (octet & 15);
        }
        octet += 1;
    }
    table
};

/// Upper-case digit -> the bit of the lower half that it is.
const LOWER_HALF: [u16; 256] = {
    let mut table = [0; 256];
    let mut value = 0;
    while value < 16 {
        table[HEX[value][1] as usize] = 1 << value;
        value += 1;
    }
    table
};

/// Whether the octet stands for itself.
pub fn is_unreserved(octet: u8) -> bool {
    UNRESERVED[usize::from(octet)]
}

/// How many octets at the start of `octets` stand for themselves.
pub fn unreserved_run(octets: &[u8]) -> usize {
    Reserved::of(octets).next().unwrap_or(octets.len())
}

/// The places of the octets that do not stand for themselves, in order.
///
/// A window of octets is compared at once, so a run of unreserved ones costs nothing by itself.
pub struct Reserved<'a> {
    octets: &'a [u8],
    /// Where the window begins.
    start: usize,
    /// A bit for each octet of the window that is still to be told.
    marks: u32,
}

/// Octets that the processor compares at once.
const LANES: usize = 16;
const WINDOW: usize = 2 * LANES;

impl<'a> Reserved<'a> {
    /// Those of `octets`.
    #[inline]
    pub fn of(octets: &'a [u8]) -> Self {
        Self { octets, start: 0, marks: marks(octets) }
    }

    /// Leaves out what lies before `place`, which is not before the last that was told.
    #[inline(always)]
    pub fn pass(&mut self, place: usize) {
        let passed = place - self.start;
        if passed < WINDOW {
            self.marks &= u32::MAX << passed;
        } else {
            self.skip_to(place.min(self.octets.len()));
        }
    }

    /// Goes on at `place`, which is not behind the end.
    #[inline]
    pub fn skip_to(&mut self, place: usize) {
        self.start = place;
        self.marks = marks(&self.octets[place..]);
    }
}

impl Iterator for Reserved<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.marks == 0 {
            let rest = self.octets.get(self.start + WINDOW..).filter(|rest| !rest.is_empty())?;
            self.start += WINDOW;
            self.marks = marks(rest);
        }
        let place = self.start + self.marks.trailing_zeros() as usize;
        self.marks &= self.marks - 1;
        Some(place)
    }
}

/// A bit for each reserved octet in the window at the start of `octets`; the lowest is the first.
#[inline(never)] // It stands once: most of the time this code is not in the processor's cache.
fn marks(octets: &[u8]) -> u32 {
    let Some(window) = octets.first_chunk::<WINDOW>() else { return last_marks(octets) };
    let (first, second) = window.split_at(LANES);
    lane_marks(first.first_chunk().copied().unwrap_or_default())
        | lane_marks(second.first_chunk().copied().unwrap_or_default()) << LANES
}

/// The same of what is shorter than a window.
fn last_marks(octets: &[u8]) -> u32 {
    let length = octets.len();
    let marks = match (octets.first_chunk::<LANES>(), octets.last_chunk::<LANES>()) {
        // The second lanes are the last ones, shifted down by what the first lanes have told already.
        (Some(first), Some(last)) => {
            let again = u32::try_from(8 * (WINDOW - length)).unwrap_or_default();
            let second = u128::from_le_bytes(*last).checked_shr(again).unwrap_or_default();
            lane_marks(*first) | lane_marks(second.to_le_bytes()) << LANES
        }
        _ => lane_marks(short_lanes(octets).to_le_bytes()),
    };
    marks & ((1 << length) - 1)
}

/// Fewer octets than there are lanes, with zeros behind them; put together without a detour through memory.
fn short_lanes(octets: &[u8]) -> u128 {
    let length = octets.len();
    match (octets.first_chunk::<8>(), octets.last_chunk::<8>()) {
        (Some(first), Some(last)) => {
            u128::from(u64::from_le_bytes(*first)) | u128::from(u64::from_le_bytes(*last)) << (8 * (length - 8))
        }
        _ => octets.iter().rev().fold(0, |lanes, &octet| lanes << 8 | u128::from(octet)),
    }
}

#[inline(always)]
fn lane_marks(lanes: [u8; LANES]) -> u32 {
    dispatch!(Level::baseline(), simd => unreserved_lanes(simd, lanes)) ^ 0xFFFF
}

/// A bit for each lane whose octet stands for itself.
#[inline(always)]
fn unreserved_lanes<S: Simd>(simd: S, lanes: [u8; LANES]) -> u32 {
    let octets = i8x16::simd_from(simd, lanes.map(signed));
    // The comparisons are signed: what is looked for is shifted to their lower end.
    let within = |octets: i8x16<S>, first: u8, count: u8| (octets + signed(0x80 - first)).simd_lt(signed(0x80 + count));
    let letters = within(octets | signed(0x20), b'a', 26);
    let from_dash_to_nine = within(octets, b'-', b'9' - b'-' + 1);
    let others = octets.simd_eq(signed(b'_')) | octets.simd_eq(signed(b'~'));
    let unreserved = letters | others | (from_dash_to_nine & !octets.simd_eq(signed(b'/')));
    unreserved.to_bitmask().try_into().unwrap_or_default()
}

/// Whether one of `octets` is `sought`.
pub fn contains(octets: &[u8], sought: u8) -> bool {
    let Some(last) = octets.last_chunk::<LANES>() else { return octets.contains(&sought) };
    let has = |lanes: &[u8; LANES]| {
        let level = Level::baseline();
        dispatch!(level, simd => u8x16::simd_from(simd, *lanes).simd_eq(sought).any_true())
    };
    octets.chunks_exact(LANES).any(|lanes| lanes.first_chunk().is_some_and(has)) || has(last)
}

/// Whether upper-case letters stand in `octets`, which are unreserved.
pub fn has_upper(octets: &[u8]) -> bool {
    const EACH: u128 = u128::from_ne_bytes([1; LANES]);
    // The highest bit of an octet is set from `A` on, then from behind `Z` on.
    let is_upper = |lanes: u128| (lanes + EACH * (0x80 - 0x41)) & !(lanes + EACH * (0x80 - 0x5B)) & (EACH * 0x80) != 0;
    let mut whole = octets.chunks_exact(LANES);
    whole.any(|lanes| lanes.first_chunk().is_some_and(|lanes| is_upper(u128::from_le_bytes(*lanes))))
        || is_upper(short_lanes(octets.chunks_exact(LANES).remainder()))
}

fn signed(octet: u8) -> i8 {
    i8::from_ne_bytes([octet])
}

/// Writes `octets[from..to]`, of which `ROOM` is seldom exceeded.
///
/// Copying more than is needed and cutting it off is faster than a copy of unknown length.
#[inline(always)]
pub fn push_run<const ROOM: usize>(out: &mut Vec<u8>, octets: &[u8], from: usize, to: usize) {
    let length = to - from;
    match octets[from..].first_chunk::<ROOM>() {
        Some(lanes) if length <= ROOM => {
            out.extend_from_slice(lanes);
            out.truncate(out.len() - ROOM + length);
        }
        _ => out.extend_from_slice(&octets[from..to]),
    }
}

/// Writes `octets` encoded once.
pub fn push_once(out: &mut Vec<u8>, octets: &[u8]) {
    push_runs(out, octets, push_escape);
}

/// Writes `octets` encoded twice.
pub fn push_twice(out: &mut Vec<u8>, octets: &[u8]) {
    push_runs(out, octets, push_double_escape);
}

/// Writes one octet encoded once.
pub fn push_octet(out: &mut Vec<u8>, octet: u8) {
    if is_unreserved(octet) {
        out.push(octet);
    } else {
        push_escape(out, octet);
    }
}

/// Writes one octet encoded twice.
pub fn push_octet_twice(out: &mut Vec<u8>, octet: u8) {
    if is_unreserved(octet) {
        out.push(octet);
    } else {
        push_double_escape(out, octet);
    }
}

/// Writes `%XX`.
pub fn push_escape(out: &mut Vec<u8>, octet: u8) {
    let [high, low] = HEX[usize::from(octet)];
    out.extend_from_slice(&[b'%', high, low]);
}

/// Writes `%25XX`, the escape of an escape.
pub fn push_double_escape(out: &mut Vec<u8>, octet: u8) {
    let [high, low] = HEX[usize::from(octet)];
    out.extend_from_slice(&[b'%', b'2', b'5', high, low]);
}

/// The octet that the escape at the start of `octets` stands for, if it is one.
#[inline]
pub fn escaped_octet(octets: &[u8]) -> Option<u8> {
    let &[percent, high, low] = octets.first_chunk()?;
    let (high, low) = (DIGIT[usize::from(high)], DIGIT[usize::from(low)]);
    (percent == b'%' && high | low < NO_DIGIT).then_some(high << 4 | low)
}

/// Whether `high` and `low` are the digits that this module would write for some reserved octet.
#[inline(always)]
pub fn are_digits(high: u8, low: u8) -> bool {
    LOWER_HALVES[usize::from(high)] & LOWER_HALF[usize::from(low)] != 0
}

/// The octets without their percent-encoding; a `%` that begins no escape stands for itself.
pub fn unescape(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len());
    let mut at = 0;
    for place in Reserved::of(octets) {
        if let Some(octet) = escaped_octet(&octets[place..]) {
            out.extend_from_slice(&octets[at..place]);
            out.push(octet);
            at = place + 3;
        }
    }
    out.extend_from_slice(&octets[at..]);
    out
}

/// Writes the octets that stand for themselves, and has the others written.
#[inline]
pub fn push_runs(out: &mut Vec<u8>, octets: &[u8], push_reserved: impl Fn(&mut Vec<u8>, u8)) {
    let mut at = 0;
    for place in Reserved::of(octets) {
        push_run::<LANES>(out, octets, at, place);
        push_reserved(out, octets[place]);
        at = place + 1;
    }
    push_run::<LANES>(out, octets, at, octets.len());
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn once(octets: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        push_once(&mut out, octets);
        out
    }

    fn twice(octets: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        push_twice(&mut out, octets);
        out
    }

    #[test]
    fn only_unreserved_characters_stay() {
        let kept: Vec<u8> = (0..=255).filter(|&octet| is_unreserved(octet)).collect();
        assert_eq!(kept, b"-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~");
    }

    #[test]
    fn reserved_octets_are_found_at_every_place_in_texts_of_every_length() {
        for length in 0..100 {
            let mut text = vec![b'a'; length];
            assert_eq!(Reserved::of(&text).next(), None);
            for place in 0..length {
                text[place] = b' ';
                let places: Vec<_> = Reserved::of(&text).collect();
                assert_eq!(places, [place]);
                text[place] = b'~';
            }
            let places: Vec<_> = Reserved::of(&vec![0; length]).collect();
            assert_eq!(places, (0..length).collect::<Vec<_>>());
        }
    }

    #[test]
    fn every_octet_is_told_as_the_table_tells_it() {
        let all: Vec<u8> = (0..=255).collect();
        let places: Vec<_> = Reserved::of(&all).collect();
        assert_eq!(places, (0..256).filter(|&octet| !UNRESERVED[octet]).collect::<Vec<_>>());
    }

    #[test]
    fn an_octet_is_found_at_every_place() {
        for length in 0..70 {
            let mut text = vec![b'a'; length];
            assert!(!contains(&text, b'#'));
            for place in 0..length {
                text[place] = b'#';
                assert!(contains(&text, b'#'));
                text[place] = 0xA3;
            }
        }
    }

    #[test]
    fn upper_case_is_found_at_every_place() {
        for octet in (0..=255).filter(|&octet| is_unreserved(octet)) {
            for (before, behind) in [(0, 0), (3, 9), (8, 0), (0, 15), (15, 0), (17, 17), (33, 1)] {
                let text = [vec![b'z'; before], vec![octet], vec![b'0'; behind]].concat();
                assert_eq!(has_upper(&text), octet.is_ascii_uppercase());
            }
        }
    }

    #[test]
    fn escapes_are_in_upper_case() {
        assert_eq!(once("a b/ü~".as_bytes()), b"a%20b%2F%C3%BC~");
    }

    #[test]
    fn twice_is_once_applied_twice() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(twice(&all), once(&once(&all)));
    }

    #[test]
    fn unescaping_takes_both_cases_and_keeps_debris() {
        assert_eq!(unescape(b"%c3%BC+%zz%4%"), [0xC3, 0xBC, b'+', b'%', b'z', b'z', b'%', b'4', b'%']);
    }

    #[test]
    fn every_octet_survives_the_round_trip() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(unescape(&once(&all)), all);
    }
}
