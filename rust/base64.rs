//! Base64 without line breaks, plain or ready for a header. Spec: RFC 4648 section 4.

use crate::escape;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Writes `octets` in base64.
pub fn push(out: &mut Vec<u8>, octets: &[u8]) {
    encode(octets, |character| out.push(character));
}

/// Writes `octets` in base64, percent-encoded.
pub fn push_escaped(out: &mut Vec<u8>, octets: &[u8]) {
    encode(octets, |character| {
        if character.is_ascii_alphanumeric() {
            out.push(character);
        } else {
            escape::push_escape(out, character);
        }
    });
}

/// The octets whose base64 is `text`; `None` if `text` is any other spelling than the canonical one.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let sextets: Option<Vec<u32>> = text.iter().take_while(|&&character| character != b'=').map(|&c| sextet(c)).collect();
    let mut octets = Vec::with_capacity(text.len() / 4 * 3);
    for group in sextets?.chunks(4) {
        let word = (0..4).fold(0, |word, place| word << 6 | group.get(place).copied().unwrap_or(0));
        octets.extend_from_slice(&word.to_be_bytes()[1..group.len()]);
    }
    let mut canonical = Vec::with_capacity(text.len());
    push(&mut canonical, &octets);
    (canonical == text).then_some(octets)
}

fn sextet(character: u8) -> Option<u32> {
    ALPHABET.iter().position(|&other| other == character).and_then(|place| u32::try_from(place).ok())
}

fn encode(octets: &[u8], mut emit: impl FnMut(u8)) {
    for group in octets.chunks(3) {
        let mut bits = [0; 4];
        bits[1..=group.len()].copy_from_slice(group);
        let word = u32::from_be_bytes(bits);
        for place in 0..4 {
            let sextet = (word >> (18 - 6 * place)) & 63;
            emit(if place <= group.len() { ALPHABET[sextet as usize] } else { b'=' });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_rfc() {
        for (octets, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            let mut out = Vec::new();
            push(&mut out, octets.as_bytes());
            assert_eq!(out, text.as_bytes());
            assert_eq!(decode(&out).unwrap(), octets.as_bytes());
        }
    }

    #[test]
    fn only_the_canonical_spelling_is_decoded() {
        for text in ["Zg", "Zg=", "Zg===", "Zh==", "Zm9v\n", "Zm 9v", "Zm9v=", "=", "Zg==Zg==", "Zm-v", "Z"] {
            assert_eq!(decode(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn the_three_reserved_characters_are_escaped() {
        let mut out = Vec::new();
        push_escaped(&mut out, &[0xFB, 0xFF, 0xFE, 0xFF]);
        assert_eq!(out, b"%2B%2F%2F%2B%2Fw%3D%3D");
    }
}
