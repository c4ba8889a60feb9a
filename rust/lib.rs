//! The native signing engine, the mirror of `oauthreg/signing/_pure.py`.
//!
//! The modules declared first know nothing of Python and are tested by `cargo test`; `python` turns objects into octets
//! and back. Private things are reached from there alone, so without it they only look unused.

#![cfg_attr(test, expect(dead_code, reason = "the module that uses the rest needs an interpreter"))]

mod base64;
mod base_string;
mod batch;
mod clock;
mod error;
mod escape;
mod escapes;
mod header;
mod mac;
mod params;
mod processors;
mod random;
mod received;
mod rsa;
mod scratch;
mod signer;

#[cfg(not(test))]
mod python;
