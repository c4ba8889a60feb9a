//! Why a request cannot be signed. The words for it are in `oauthreg/signing/refusals.py`.

/// A refusal found where no Python object is at hand.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The HTTP method is not text.
    MethodIsNotText,
    /// The HTTP method is no token.
    InvalidMethod(Vec<u8>),
    /// No base string can be made over the URL.
    InvalidUrl { url: Vec<u8>, reason: &'static str },
    /// The URL is text that has no UTF-8 form.
    LoneSurrogate,
    /// The query or the body brings a protocol parameter along.
    ProtocolParameter { name: Vec<u8>, place: &'static str },
    /// The body belongs to the signature and its octets cannot be had.
    UnreadableBody,
    /// The system gives no random bits for a nonce.
    NoRandomBits(getrandom::Error),
    /// The RSA key cannot carry out the operation.
    UnusableKey,
}
