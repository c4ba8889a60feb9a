//! Signature methods and the keys that they sign with.

use std::{borrow::Cow, sync::OnceLock};

use constant_time_eq::constant_time_eq;
use pyo3::{
    PyTraverseError, PyVisit,
    exceptions::PyAttributeError,
    intern,
    prelude::*,
    pybacked::PyBackedStr,
    types::{PyString, PyTuple},
};

use super::{KEYS, TWIN, arguments, refusals};
use crate::{
    base64,
    mac::{Hash, Mac},
    rsa::{SigningKey, VerifyingKey},
    signer,
};

/// The rows of `SIGNATURE_METHODS`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SignatureMethod {
    Hmac(Hash),
    Rsa(Hash),
    Plaintext,
}

impl SignatureMethod {
    /// The method of that name; refuses one that is in no table.
    pub fn read(name: &Bound<'_, PyAny>) -> PyResult<Self> {
        let text = name.cast::<PyString>().ok().and_then(|name| name.to_str().ok());
        match text.map(str::as_bytes).and_then(Self::from_name) {
            Some(method) => Ok(method),
            None => Err(unknown_signature_method(name, |_| true)?),
        }
    }

    /// The method of that name, if it is in the table.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"HMAC-SHA1" => Self::Hmac(Hash::Sha1),
            b"HMAC-SHA256" => Self::Hmac(Hash::Sha256),
            b"HMAC-SHA512" => Self::Hmac(Hash::Sha512),
            b"RSA-SHA1" => Self::Rsa(Hash::Sha1),
            b"RSA-SHA256" => Self::Rsa(Hash::Sha256),
            b"RSA-SHA512" => Self::Rsa(Hash::Sha512),
            b"PLAINTEXT" => Self::Plaintext,
            _ => return None,
        })
    }

    /// Its name there.
    pub fn name(self, py: Python<'_>) -> &Bound<'_, PyString> {
        match self {
            Self::Hmac(Hash::Sha1) => intern!(py, "HMAC-SHA1"),
            Self::Hmac(Hash::Sha256) => intern!(py, "HMAC-SHA256"),
            Self::Hmac(Hash::Sha512) => intern!(py, "HMAC-SHA512"),
            Self::Rsa(Hash::Sha1) => intern!(py, "RSA-SHA1"),
            Self::Rsa(Hash::Sha256) => intern!(py, "RSA-SHA256"),
            Self::Rsa(Hash::Sha512) => intern!(py, "RSA-SHA512"),
            Self::Plaintext => intern!(py, "PLAINTEXT"),
        }
    }

    /// A bit of its own.
    pub fn bit(self) -> u8 {
        match self {
            Self::Hmac(hash) => 1 << hash as u8,
            Self::Rsa(hash) => 8 << hash as u8,
            Self::Plaintext => 64,
        }
    }

    /// The bits of those that stand in `names`.
    pub fn bits_of(names: &Bound<'_, PyTuple>) -> u8 {
        let method = |name: Bound<'_, PyAny>| Self::from_name(name.cast::<PyString>().ok()?.to_str().ok()?.as_bytes());
        names.iter().filter_map(method).fold(0, |bits, method| bits | method.bit())
    }

    /// The hash of the method, if it has one.
    pub fn hash(self) -> Option<Hash> {
        match self {
            Self::Hmac(hash) | Self::Rsa(hash) => Some(hash),
            Self::Plaintext => None,
        }
    }
}

/// The refusal of a signature method, which lists the methods whose hash `is_known` takes.
pub fn unknown_signature_method(name: &Bound<'_, PyAny>, is_known: fn(&str) -> bool) -> PyResult<PyErr> {
    let py = name.py();
    let mut known = Vec::new();
    for row in py.import(TWIN)?.getattr("SIGNATURE_METHODS")?.call_method0("items")?.try_iter()? {
        let (method, (_, hash)): (String, (String, String)) = row?.extract()?;
        if is_known(&hash) {
            known.push(method);
        }
    }
    let known = PyTuple::new(py, known)?;
    Ok(refusals::build(py, "unknown_signature_method", (name.str()?, known)))
}

/// The hash of that name; refuses one that no signature method uses.
pub fn read_hash(name: &Bound<'_, PyAny>) -> PyResult<Hash> {
    let text = name.cast::<PyString>().ok().and_then(|name| name.to_str().ok());
    text.and_then(Hash::from_name)
        .ok_or_else(|| refusals::build(name.py(), "unknown_hash", (name, ("sha1", "sha256", "sha512"))))
}

/// The key of HMAC and PLAINTEXT.
pub fn join_secrets(
    client_secret: Option<&Bound<'_, PyAny>>,
    token_secret: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<u8>> {
    let text = |name, secret: Option<&Bound<'_, PyAny>>| -> PyResult<Option<PyBackedStr>> {
        match secret {
            Some(secret) if secret.is_truthy()? => arguments::as_text(name, secret)?.try_into().map(Some),
            _ => Ok(None),
        }
    };
    let (client_secret, token_secret) = (text("client_secret", client_secret)?, text("token_secret", token_secret)?);
    let [client_secret, token_secret] =
        [&client_secret, &token_secret].map(|text| text.as_deref().unwrap_or_default().as_bytes());
    Ok(signer::join_secrets(client_secret, token_secret))
}

/// The secrets and the key that requests are checked with, and what was derived from them.
#[derive(Default)]
pub struct Keys {
    client_secret: Option<Py<PyAny>>,
    token_secret: Option<Py<PyAny>>,
    rsa_key: Option<Py<PyAny>>,
    macs: [OnceLock<Mac>; 3],
    verifying_key: OnceLock<VerifyingKey>,
}

impl Keys {
    /// Nothing is derived from them yet.
    pub fn new(
        client_secret: Option<&Bound<'_, PyAny>>,
        token_secret: Option<&Bound<'_, PyAny>>,
        rsa_key: Option<&Bound<'_, PyAny>>,
    ) -> Self {
        let keep = |value: Option<&Bound<'_, PyAny>>| value.map(|value| value.clone().unbind());
        Self {
            client_secret: keep(client_secret),
            token_secret: keep(token_secret),
            rsa_key: keep(rsa_key),
            ..Self::default()
        }
    }

    /// Those of the `VerificationKeys` that a lookup returned.
    pub fn of(keys: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = keys.py();
        let keep = |name| match keys.getattr(name) {
            Ok(key) => Ok((!key.is_none()).then(|| key.unbind())),
            Err(error) if error.is_instance_of::<PyAttributeError>(py) => Err(refusals::build(py, "no_keys", (keys,))),
            Err(error) => Err(error),
        };
        Ok(Self {
            client_secret: keep(intern!(py, "client_secret"))?,
            token_secret: keep(intern!(py, "token_secret"))?,
            rsa_key: keep(intern!(py, "rsa_key"))?,
            ..Self::default()
        })
    }

    /// Shows the objects to the collector of cycles.
    pub fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        [&self.client_secret, &self.token_secret, &self.rsa_key].into_iter().try_for_each(|key| visit.call(key))
    }

    /// The three as they were given.
    pub fn given<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, [&self.client_secret, &self.token_secret, &self.rsa_key])
    }

    /// Whether `escaped` is the code of `message` as signers write it in a header, compared in constant time.
    ///
    /// It is false for other methods and in other spellings, which have to be decoded. The code is left in `expected`.
    pub fn is_escaped_code(
        &self,
        py: Python<'_>,
        method: SignatureMethod,
        message: &mut Vec<u8>,
        escaped: &[u8],
        expected: &mut Vec<u8>,
    ) -> PyResult<bool> {
        let SignatureMethod::Hmac(hash) = method else { return Ok(false) };
        let Some(mac) = self.mac(py, hash)? else { return Ok(false) };
        expected.clear();
        base64::push_escaped(expected, mac.code(message).as_ref());
        Ok(constant_time_eq(expected, escaped))
    }

    /// Whether `claimed` is the signature of `message`, compared in constant time.
    pub fn is_right(
        &self,
        py: Python<'_>,
        method: SignatureMethod,
        message: &mut Vec<u8>,
        claimed: &[u8],
    ) -> PyResult<bool> {
        let expected = match method {
            SignatureMethod::Plaintext => self.joined(py)?,
            SignatureMethod::Hmac(hash) => self.mac(py, hash)?.map(|mac| base64::encode(mac.code(message).as_ref())),
            SignatureMethod::Rsa(hash) => {
                let Some(rsa_key) = &self.rsa_key else { return Ok(false) };
                let Some(decoded) = base64::decode(claimed) else { return Ok(false) };
                let key = self.verifying_key(rsa_key.bind(py))?;
                return Ok(py.detach(|| key.verify(hash, message, &decoded)));
            }
        };
        Ok(expected.is_some_and(|expected| constant_time_eq(&expected, claimed)))
    }

    /// The key of HMAC and PLAINTEXT, if there is one: an empty secret is none beside another key.
    fn joined(&self, py: Python<'_>) -> PyResult<Option<Vec<u8>>> {
        let bind = |secret: &Option<Py<PyAny>>| secret.as_ref().map(|secret| secret.bind(py).clone());
        let Some(client_secret) = bind(&self.client_secret) else { return Ok(None) };
        if self.rsa_key.is_some() && !client_secret.is_truthy()? {
            return Ok(None);
        }
        join_secrets(Some(&client_secret), bind(&self.token_secret).as_ref()).map(Some)
    }

    fn mac(&self, py: Python<'_>, hash: Hash) -> PyResult<Option<&Mac>> {
        let place = &self.macs[hash as usize];
        if let Some(mac) = place.get() {
            return Ok(Some(mac));
        }
        let Some(key) = self.joined(py)? else { return Ok(None) };
        let mac = Mac::new(hash, &key);
        Ok(Some(place.get_or_init(|| mac)))
    }

    fn verifying_key(&self, rsa_key: &Bound<'_, PyAny>) -> PyResult<&VerifyingKey> {
        if let Some(key) = self.verifying_key.get() {
            return Ok(key);
        }
        let key = VerifyingKey::from_der(&public_key_der(rsa_key)?);
        let key = key.map_err(|refusal| refusals::of_url(rsa_key.py(), refusal))?;
        Ok(self.verifying_key.get_or_init(|| key))
    }
}

/// A private key in any form that the package reads, and its size in bits.
pub fn signing_key(
    py: Python<'_>,
    hash: Hash,
    key: Option<&Bound<'_, PyAny>>,
    passphrase: Option<&Bound<'_, PyAny>>,
) -> PyResult<(SigningKey, u32)> {
    let key = py.import(TWIN)?.call_method1("_signing_key", (hash.name(), key, passphrase))?;
    let bits = key.getattr("key_size")?.extract()?;
    let der = py.import(KEYS)?.call_method1("private_key_der", (key,))?;
    let der: Cow<'_, [u8]> = der.extract()?;
    Ok((SigningKey::from_der(&der).map_err(|refusal| refusals::of_url(py, refusal))?, bits))
}

/// The DER of a public key in any form that the package reads.
pub fn public_key_der(key: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let keys = key.py().import(KEYS)?;
    keys.call_method1("public_key_der", (keys.call_method1("load_public_key", (key,))?,))?.extract()
}
