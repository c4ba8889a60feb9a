//! Base64 without line breaks. Spec: RFC 4648 section 4.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The base64 of `octets`.
pub fn encode(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len().div_ceil(3) * 4);
    push(&mut out, octets);
    out
}

/// Writes the base64 of `octets`.
pub fn push(out: &mut Vec<u8>, octets: &[u8]) {
    for three in octets.chunks(3) {
        let word = three.iter().rev().fold(0, |word, &octet| word >> 8 | u32::from(octet) << 16);
        out.extend_from_slice(&[18, 12, 6, 0].map(|shift| ALPHABET[(word >> shift) as usize % 64]));
    }
    let padding = padding(octets);
    out.truncate(out.len() - padding);
    out.extend_from_slice(&b"=="[..padding]);
}

/// Sextet -> its character percent-encoded, and in the last place how many octets that takes.
type Escapes<const ROOM: usize> = [[u8; ROOM]; 64];

const ESCAPED_ONCE: Escapes<4> = escapes(*b"%2B\x03", *b"%2F\x03");
const ESCAPED_TWICE: Escapes<8> = escapes(*b"%252B\0\0\x05", *b"%252F\0\0\x05");

const fn escapes<const ROOM: usize>(plus: [u8; ROOM], slash: [u8; ROOM]) -> Escapes<ROOM> {
    let mut table = [[0; ROOM]; 64];
    let mut sextet = 0;
    while sextet < 64 {
        match ALPHABET[sextet] {
            b'+' => table[sextet] = plus,
            b'/' => table[sextet] = slash,
            character => (table[sextet][0], table[sextet][ROOM - 1]) = (character, 1),
        }
        sextet += 1;
    }
    table
}

/// Writes the base64 of `octets` percent-encoded.
pub fn push_escaped(out: &mut Vec<u8>, octets: &[u8]) {
    push_by::<4, 128, 132>(out, octets, &ESCAPED_ONCE, *b"%3D\x03");
}

/// Writes it percent-encoded twice.
pub fn push_escaped_twice(out: &mut Vec<u8>, octets: &[u8]) {
    push_by::<8, 256, 264>(out, octets, &ESCAPED_TWICE, *b"%253D\0\0\x05");
}

/// Writes the base64 of `octets` by what each character and a `=` is to be; behind `MOST_WRITTEN` octets one more of these
/// has room in `WHOLE`.
#[inline(always)]
fn push_by<const ROOM: usize, const MOST_WRITTEN: usize, const WHOLE: usize>(
    out: &mut Vec<u8>,
    octets: &[u8],
    escapes: &Escapes<ROOM>,
    padding: [u8; ROOM],
) {
    /// So many octets have no more than `MOST_WRITTEN` escaped.
    const MOST_READ: usize = 30;
    for part in octets.chunks(MOST_READ) {
        let start = out.len();
        out.extend_from_slice(&[0; WHOLE]);
        let Some(text) = out.last_chunk_mut::<WHOLE>() else { return };
        let mut end = 0;
        // Which characters are escaped is chance, so no branch asks for it; what is written too much is written over.
        let mut push = |escaped: [u8; ROOM]| {
            text[end % MOST_WRITTEN..][..ROOM].copy_from_slice(&escaped);
            end += usize::from(escaped[ROOM - 1]);
        };
        let character = |word: [u8; 3], place: usize| {
            let [first, second, third] = word;
            escapes[(u32::from_be_bytes([0, first, second, third]) >> (18 - 6 * place)) as usize % 64]
        };
        let mut words = part.chunks_exact(3);
        for word in &mut words {
            let word = [word[0], word[1], word[2]];
            (0..4).for_each(|place| push(character(word, place)));
        }
        match *words.remainder() {
            [first, second] => {
                (0..3).for_each(|place| push(character([first, second, 0], place)));
                push(padding);
            }
            [first] => {
                (0..2).for_each(|place| push(character([first, 0, 0], place)));
                push(padding);
                push(padding);
            }
            _ => {}
        }
        out.truncate(start + end);
    }
}

/// How many `=` stand at the end.
fn padding(octets: &[u8]) -> usize {
    2 - (octets.len() + 2) % 3
}

/// The octets whose base64 is `text`; `None` if `text` is any other spelling than the canonical one.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let sextets: Option<Vec<u32>> =
        text.iter().take_while(|&&character| character != b'=').map(|&c| sextet(c)).collect();
    let mut octets = Vec::with_capacity(text.len() / 4 * 3);
    for group in sextets?.chunks(4) {
        let word = (0..4).fold(0, |word, place| word << 6 | group.get(place).copied().unwrap_or(0));
        octets.extend_from_slice(&word.to_be_bytes()[1..group.len()]);
    }
    (encode(&octets) == text).then_some(octets)
}

fn sextet(character: u8) -> Option<u32> {
    ALPHABET.iter().position(|&other| other == character).and_then(|place| u32::try_from(place).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escape;

    #[test]
    fn the_vectors_of_the_rfc() {
        for (octets, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(encode(octets.as_bytes()), text.as_bytes());
            assert_eq!(decode(text.as_bytes()).unwrap(), octets.as_bytes());
        }
    }

    #[test]
    fn every_character_stands_for_its_sextet() {
        let sextets: Vec<u8> = (0..64).collect();
        let octets = sextets.chunks(4).flat_map(|four| {
            let word = four.iter().fold(0, |word, &sextet| word << 6 | u32::from(sextet));
            word.to_be_bytes()[1..].to_vec()
        });
        assert_eq!(encode(&octets.collect::<Vec<_>>()), ALPHABET);
    }

    #[test]
    fn escaped_characters_are_those_of_the_text() {
        let all: Vec<u8> = (0..=255).rev().collect();
        for octets in (0..=255).map(|end| &all[..end]).chain((0..250).map(|start| &all[start..start + 5])) {
            let [mut once, mut twice, mut escaped_once, mut escaped_twice] = Default::default();
            escape::push_once(&mut once, &encode(octets));
            escape::push_twice(&mut twice, &encode(octets));
            push_escaped(&mut escaped_once, octets);
            push_escaped_twice(&mut escaped_twice, octets);
            assert_eq!([escaped_once, escaped_twice], [once, twice]);
        }
    }

    #[test]
    fn only_the_canonical_spelling_is_decoded() {
        for text in ["Zg", "Zg=", "Zg===", "Zh==", "Zm9v\n", "Zm 9v", "Zm9v=", "=", "Zg==Zg==", "Zm-v", "Z"] {
            assert_eq!(decode(text.as_bytes()), None, "{text:?}");
        }
    }
}
