//! Runs of escapes that stand as this project writes them, encoded once more: `%XX` becomes `%25XX`.
//!
//! Text that is not of ASCII is nothing else, and the longer, the less of it needs more than its digits moved.
//!
//! Spec: RFC 5849 section 3.6.

use fearless_simd::{Level, Simd, dispatch, prelude::*, u8x16, u8x32};

use crate::escape::are_digits;

/// Writes the escapes at the start of `octets`, as `escape` would write them, encoded once more; gives the number of
/// octets read.
pub fn push_twice(out: &mut Vec<u8>, octets: &[u8]) -> usize {
    // In a shorter run the vectors' constants would take longer to load than the digits take to move.
    let is_long = octets.get(SHORT..).is_some_and(|octets| octets.starts_with(b"%"));
    let read = if is_long { dispatch!(Level::new(), simd => push_pairs(simd, out, octets)) } else { 0 };
    read + push_blocks(out, &octets[read..])
}

/// Octets of a run that is not worth a vector.
const SHORT: usize = 3 * 32;

/// How many escapes are written in one go without vectors.
const BLOCK: usize = 8;

/// The same without vectors.
fn push_blocks(out: &mut Vec<u8>, octets: &[u8]) -> usize {
    let mut rest = octets;
    while push_block(out, rest) {
        rest = &rest[3 * BLOCK..];
    }
    for escape in rest.chunks_exact(3).take_while(|escape| is_escape(escape[0], escape[1], escape[2])) {
        out.extend_from_slice(&[b'%', b'2', b'5', escape[1], escape[2]]);
        rest = &rest[3..];
    }
    octets.len() - rest.len()
}

/// Writes the block of escapes that `octets` begin with; whether there is one.
#[inline(always)]
fn push_block(out: &mut Vec<u8>, octets: &[u8]) -> bool {
    let Some(escapes) = octets.first_chunk() else { return false };
    // Digits are written over those of a block that is there already: put together before, it would be read back while
    // it is still being written, for which the processor waits.
    out.extend_from_slice(const { &[*b"%25XX"; BLOCK] }.as_flattened());
    let Some(slots) = out.last_chunk_mut() else { return false };
    let is_block = fill(slots, escapes);
    if !is_block {
        out.truncate(out.len() - 5 * BLOCK);
    }
    is_block
}

/// Writes digits over those of slots like `%25XX`; whether all are of escapes as `escape` would write them.
#[inline(always)]
fn fill(slots: &mut [u8; 5 * BLOCK], escapes: &[u8; 3 * BLOCK]) -> bool {
    slots.chunks_exact_mut(5).zip(escapes.chunks_exact(3)).all(|(slot, escape)| {
        // In one, since they are fetched for the slot and for the tables.
        let digits = u16::from_le_bytes([escape[1], escape[2]]);
        slot[3..].copy_from_slice(&digits.to_le_bytes());
        let [high, low] = digits.to_le_bytes();
        is_escape(escape[0], high, low)
    })
}

/// Whether the octets are an escape as `escape` would write it.
#[inline(always)]
fn is_escape(percent: u8, high: u8, low: u8) -> bool {
    percent == b'%' && are_digits(high, low)
}

/// Octets of the escapes that fit in half a vector, and of what becomes of them, which takes two halves.
const READ: usize = 15;
const WRITTEN: usize = 25;
const HALF: usize = 16;

/// What a character is in an escape. Two digits make an octet that stands for itself if the upper one has twice the bit of
/// the lower one.
const PERCENT: u8 = 1;
const LETTER: u8 = 1 << 1;
/// An upper digit with which any lower one makes a reserved octet, as any letter is.
const ZERO_ONE_EIGHT_OR_NINE: u8 = 1 << 2;
const D_OR_E: u8 = 1 << 3;
const TWO: u8 = D_OR_E << 1;
const DECIMAL: u8 = 1 << 5;
const THREE: u8 = DECIMAL << 1;

/// What a character may be by one half of it. From 4 to 7 it is no upper digit here: few reserved octets have such a one,
/// and `push_block` writes them.
const fn kinds(shift: u32) -> [u8; HALF] {
    let mut table = [0; HALF];
    let mut octet = 0;
    while octet < 128 {
        table[(octet >> shift & 15) as usize] |= match octet {
            b'%' => PERCENT,
            b'0' | b'1' | b'8' | b'9' => DECIMAL | ZERO_ONE_EIGHT_OR_NINE,
            b'2' => DECIMAL | TWO,
            b'3' => DECIMAL | THREE,
            b'4'..=b'7' => DECIMAL,
            b'D' | b'E' => LETTER | D_OR_E,
            b'A'..=b'F' => LETTER,
            _ => 0,
        };
        octet += 1;
    }
    table
}

/// Place in half a vector -> what has to stand there; the last place is of the next half.
const WANTED: [u8; HALF] = by_place(PERCENT, LETTER | ZERO_ONE_EIGHT_OR_NINE | TWO | THREE, DECIMAL | LETTER, u8::MAX);

/// Place in half a vector -> by which bits two digits are of an octet that stands for itself.
const UNWANTED: [u8; HALF] = by_place(0, TWO | THREE, 0, 0);

const fn by_place(percent: u8, upper: u8, lower: u8, last: u8) -> [u8; HALF] {
    let mut table = [last; HALF];
    let mut place = 0;
    while place < READ {
        table[place] = [percent, upper, lower][place % 3];
        place += 1;
    }
    table
}

/// The bits of the places that count, in both halves.
const COUNTED: u64 = 0x7FFF_7FFF;

/// Place in what is written, from `from` on -> the place that it is read from, and what has to be changed there.
const fn moves(from: usize) -> ([u8; HALF], [u8; HALF]) {
    let (mut sources, mut changes) = ([0; HALF], [0; HALF]);
    let mut place = 0;
    while place < HALF && from + place < WRITTEN {
        let (escape, part) = ((from + place) / 5, (from + place) % 5);
        #[expect(clippy::cast_possible_truncation, reason = "it is less than a half")]
        let start = 3 * escape as u8;
        sources[place] = start + [0, 0, 0, 1, 2][part];
        changes[place] = [0, b'%' ^ b'2', b'%' ^ b'5', 0, 0][part];
        place += 1;
    }
    (sources, changes)
}

/// The same with two halves of five escapes in one go, and blocks for those that are not told here.
#[inline(always)]
fn push_pairs<S: Simd>(simd: S, out: &mut Vec<u8>, octets: &[u8]) -> usize {
    let half = |octets: &[u8]| u8x16::from_slice(simd, octets);
    let both = |table: [u8; HALF]| half(&table).combine(half(&table));
    let (by_upper_half, by_lower_half) = (both(const { kinds(4) }), both(const { kinds(0) }));
    let (wanted, unwanted) = (both(WANTED), both(UNWANTED));
    let (starts, in_starts) = const { moves(0) };
    let (ends, in_ends) = const { moves(HALF) };
    let (starts, in_starts, ends, in_ends) = (both(starts), both(in_starts), both(ends), both(in_ends));
    let mut rest = octets;
    while let Some(escapes) = rest.first_chunk::<{ READ + HALF }>() {
        let escapes: u8x32<S> = half(&escapes[..HALF]).combine(half(&escapes[READ..]));
        let kinds = by_upper_half.swizzle_dyn_within_blocks(escapes >> 4)
            & by_lower_half.swizzle_dyn_within_blocks(escapes & 15);
        let next = kinds.slide_within_blocks::<1>(kinds);
        let is_unwanted = (kinds & wanted).simd_eq(0) | !(kinds & (next + next) & unwanted).simd_eq(0);
        if is_unwanted.to_bitmask() & COUNTED != 0 {
            if !push_block(out, rest) {
                break;
            }
            rest = &rest[3 * BLOCK..];
            continue;
        }
        let starts = (escapes.swizzle_dyn_within_blocks(starts) ^ in_starts).split();
        let ends = (escapes.swizzle_dyn_within_blocks(ends) ^ in_ends).split();
        for (start, end) in [(starts.0, ends.0), (starts.1, ends.1)] {
            out.extend_from_slice(&<[u8; HALF]>::from(start));
            out.extend_from_slice(&<[u8; HALF]>::from(end));
            out.truncate(out.len() - (2 * HALF - WRITTEN));
        }
        rest = &rest[2 * READ..];
    }
    octets.len() - rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escape::{is_unreserved, push_twice as push_octets_twice, tests::once};

    /// Asserts that of `escaped`, the escapes of `octets` and something else, these escapes are read.
    fn assert_read(octets: &[u8], escaped: &[u8]) {
        let mut expected = b"before".to_vec();
        push_octets_twice(&mut expected, octets);
        let mut out = b"before".to_vec();
        assert_eq!(push_twice(&mut out, escaped), 3 * octets.len(), "{}", escaped.escape_ascii());
        assert_eq!(out, expected);
    }

    #[test]
    fn many_escapes_are_written_at_once() {
        let reserved: Vec<u8> = (0..=255).filter(|&octet| !is_unreserved(octet)).collect();
        let foreign: Vec<u8> = (0x80..=255).collect();
        for all in [reserved, foreign] {
            for octets in (0..=all.len()).map(|count| &all[..count]) {
                for end in ["", "%41%42", "%2f", "%F ", "%4", "+%20", "%8", "%c3%A9%C3%A9%C3%A9%C3%A9%C3%A9"] {
                    assert_read(octets, &[once(octets), end.into()].concat());
                }
            }
        }
    }

    #[test]
    fn a_run_ends_at_any_octet_that_is_none_of_an_escape() {
        let octets = "ä日本語".repeat(6).into_bytes();
        let escaped = once(&octets);
        for place in 0..escaped.len() {
            for octet in 0..=255 {
                let mut escaped = escaped.clone();
                escaped[place] = octet;
                let escape = 3 * (place / 3);
                let changed = match &escaped[escape..escape + 3] {
                    &[percent, high, low] if is_escape(percent, high, low) => {
                        u8::from_str_radix(str::from_utf8(&[high, low]).unwrap(), 16).ok()
                    }
                    _ => None,
                };
                match changed {
                    Some(changed) => {
                        let mut octets = octets.clone();
                        octets[place / 3] = changed;
                        assert_read(&octets, &escaped);
                    }
                    None => assert_read(&octets[..place / 3], &escaped),
                }
            }
        }
    }

    #[test]
    fn every_level_of_the_processor_writes_the_same() {
        assert_pairs_read(Level::new());
        assert_pairs_read(Level::baseline());
        #[cfg(target_arch = "x86_64")]
        {
            let between = [Level::new().as_sse4_2().map(Level::Sse4_2), Level::new().as_avx2().map(Level::Avx2)];
            between.into_iter().flatten().for_each(assert_pairs_read);
        }
    }

    fn assert_pairs_read(level: Level) {
        let octets = "текст?/ ".repeat(50).into_bytes();
        let escaped = once(&octets);
        let mut out = Vec::new();
        let read = dispatch!(level, simd => push_pairs(simd, &mut out, &escaped));
        assert!(read + READ + HALF > escaped.len());
        let mut expected = Vec::new();
        push_octets_twice(&mut expected, &octets[..read / 3]);
        assert_eq!(out, expected);
    }
}
