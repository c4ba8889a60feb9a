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
    let start = out.len();
    out.resize(start + octets.len().div_ceil(3) * 4, b'=');
    let mut groups = octets.chunks_exact(3);
    let mut slots = out[start..].chunks_exact_mut(4);
    for (group, slot) in groups.by_ref().zip(slots.by_ref()) {
        slot.copy_from_slice(&characters(group[0], group[1], group[2]));
    }
    match (groups.remainder(), slots.next()) {
        (&[first], Some(slot)) => slot[..2].copy_from_slice(&characters(first, 0, 0)[..2]),
        (&[first, second], Some(slot)) => slot[..3].copy_from_slice(&characters(first, second, 0)[..3]),
        _ => {}
    }
}

fn characters(first: u8, second: u8, third: u8) -> [u8; 4] {
    let word = u32::from_be_bytes([0, first, second, third]);
    [18, 12, 6, 0].map(|shift| ALPHABET[(word >> shift) as usize & 63])
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
    fn only_the_canonical_spelling_is_decoded() {
        for text in ["Zg", "Zg=", "Zg===", "Zh==", "Zm9v\n", "Zm 9v", "Zm9v=", "=", "Zg==Zg==", "Zm-v", "Z"] {
            assert_eq!(decode(text.as_bytes()), None, "{text:?}");
        }
    }
}
