//! The module `oauthreg.signing._native`.
//!
//! Where the pure engine asks Python's own libraries (internationalised hosts, the forms of RSA keys), this one asks the
//! pure engine, so that there is one truth. So does every function that is given arguments of an unusual type.

mod arguments;
mod batch;
mod keys;
mod received;
mod refusals;
mod signer;

use pyo3::prelude::*;

const ENGINE: &str = "native";
/// The pure engine.
const TWIN: &str = "oauthreg.signing._pure";
const KEYS: &str = "oauthreg.signing.keys";

/// Signs OAuth 1.0a requests: the mirror of the pure engine.
#[pymodule(gil_used = false)]
mod _native {
    use std::borrow::Cow;

    use pyo3::{
        prelude::*,
        types::{IntoPyDict as _, PyBytes, PyCFunction, PyString},
    };

    #[pymodule_export]
    use super::received::{SignedRequest, Verifier, verify};
    #[pymodule_export]
    use super::signer::Signer;
    use super::{
        TWIN,
        arguments::{self, UrlSource},
        keys::{self, Keys, SignatureMethod, join_secrets, public_key_der, read_hash, signing_key},
        refusals,
        signer::{draw_nonce, hash_body},
    };
    use crate::{
        base_string as text_of, escape as percent,
        mac::Mac,
        params::{self, Foreign, Parameters},
        random, rsa,
        signer::{Form, Key},
    };

    /// Equal to the pure engine's, or else the extension is stale.
    #[pymodule_export]
    const SURFACE: u32 = 4;
    #[pymodule_export]
    const ENGINE: &str = super::ENGINE;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let twin = module.py().import(TWIN)?;
        for name in ["SIGNATURE_METHODS", "host_a_label"] {
            module.add(name, twin.getattr(name)?)?;
        }
        twin.getattr("SignedRequest")?.call_method1("register", (module.getattr("SignedRequest")?,))?;
        forget_random_bits_after_fork(module.py())
    }

    /// Where processes fork, a child never draws what its parent holds.
    fn forget_random_bits_after_fork(py: Python<'_>) -> PyResult<()> {
        let os = py.import("os")?;
        if os.hasattr("register_at_fork")? {
            let forget = PyCFunction::new_closure(py, None, None, |_, _| random::forget())?;
            os.call_method("register_at_fork", (), Some(&[("after_in_child", forget)].into_py_dict(py)?))?;
        }
        Ok(())
    }

    /// ``value`` percent-encoded: everything but letters, digits, ``-``, ``.``, ``_`` and ``~``, in upper-case hex.
    ///
    /// Text is encoded as UTF-8 first. Spec: RFC 5849 section 3.6.
    #[pyfunction]
    fn escape<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let octets = arguments::text_or_bytes("value", value)?;
        if value.is_instance_of::<PyString>() && percent::unreserved_run(&octets) == octets.len() {
            return Ok(value.clone());
        }
        let mut out = Vec::with_capacity(3 * octets.len());
        percent::push_once(&mut out, &octets);
        Ok(PyString::from_bytes(value.py(), &out)?.into_any())
    }

    /// The octets of percent-encoded ``value``. A ``%`` without two hex digits stands for itself; ``+`` too.
    #[pyfunction]
    fn unescape<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let octets = arguments::text_or_bytes("value", value)?;
        Ok(PyBytes::new(value.py(), &percent::unescape(&octets)))
    }

    /// The names and values in a query or form body, decoded, in order; empty pieces give nothing.
    ///
    /// ``+`` is a space, ``;`` separates nothing, a ``%`` without two hex digits stands for itself.
    ///
    /// Spec: RFC 5849 section 3.4.1.3.1 (which takes the decoding from the W3C's form encoding).
    #[pyfunction]
    fn parse_parameters<'py>(text: &Bound<'py, PyAny>) -> PyResult<Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)>> {
        let octets = arguments::text_or_bytes("text", text)?;
        let bytes = |octets: Vec<u8>| PyBytes::new(text.py(), &octets);
        Ok(params::parse(&octets).into_iter().map(|(name, value)| (bytes(name), bytes(value))).collect())
    }

    /// Decoded pairs as one text: encoded, sorted by octets (name, then value), joined.
    ///
    /// Spec: RFC 5849 section 3.4.1.3.2.
    #[pyfunction]
    fn normalize_parameters<'py>(parameters: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
        PyString::from_bytes(parameters.py(), &params::normalize(&read_pairs(parameters)?))
    }

    /// The URL as it enters the base string: lower-case scheme and host, no default port, the path as sent, no query.
    ///
    /// Octets that no request target can hold (space, controls, non-ASCII) are escaped. Raises ``UsageError``.
    ///
    /// Spec: RFC 5849 section 3.4.1.2.
    #[pyfunction]
    fn base_uri<'py>(url: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
        let py = url.py();
        let source = UrlSource::read(url)?;
        let uri = source.parse(py)?.base_uri().map_err(|refusal| refusals::of_url(py, refusal))?;
        PyString::from_bytes(py, &uri)
    }

    /// The signature base string of a request with the given protocol parameters.
    ///
    /// ``parameters`` are decoded pairs; the query of ``url`` and a form body are added to them, and ``oauth_signature``
    /// from any place is left out. Raises ``UsageError`` and ``UnsignableRequestError``. Spec: RFC 5849 section 3.4.1.
    #[pyfunction]
    #[pyo3(signature = (method, url, parameters, body=None, content_type=None))]
    fn base_string<'py>(
        method: &Bound<'py, PyAny>,
        url: &Bound<'py, PyAny>,
        parameters: &Bound<'py, PyAny>,
        body: Option<&Bound<'py, PyAny>>,
        content_type: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyString>> {
        let py = url.py();
        let refuse = |refusal| refusals::of_request(refusal, method, body);
        let source = UrlSource::read(url)?;
        let url = source.parse(py)?;
        let mut collected = Parameters::default();
        for (name, value) in read_pairs(parameters)? {
            collected.push_unsigned(&name, &value);
        }
        url.push_query(&mut collected, Foreign::Counted).map_err(refuse)?;
        if arguments::is_form(content_type)? {
            let octets = arguments::body(body)?;
            let form = octets.as_ref().map_or(Form::Unreadable, |octets| Form::Octets(octets));
            form.push_to(&mut collected, Foreign::Counted).map_err(refuse)?;
        }
        let method_text: Option<&Bound<'_, PyString>> = method.cast().ok();
        let method_octets = method_text.map(arguments::with_surrogates).transpose()?;
        let method_octets = method_octets.as_ref().map(|(octets, _)| &**octets);
        let mut text = Vec::new();
        text_of::write(&mut text, method_octets, &url, &mut collected).map_err(refuse)?;
        PyString::from_bytes(py, &text)
    }

    /// The value of ``oauth_body_hash``: the hash of the signature method over the body, in base64.
    ///
    /// ``body`` is bytes, text (as UTF-8) or ``None`` for an empty one. PLAINTEXT has no hash and is refused.
    #[pyfunction]
    fn body_hash<'py>(
        signature_method: &Bound<'py, PyAny>,
        body: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyString>> {
        let Some(hash) = SignatureMethod::read(signature_method)?.hash() else {
            return Err(keys::unknown_signature_method(signature_method, |hash| !hash.is_empty())?);
        };
        PyString::from_bytes(signature_method.py(), &hash_body(hash, body)?)
    }

    /// The signature over a base string, in base64 (for PLAINTEXT: the two escaped secrets).
    ///
    /// Spec: RFC 5849 sections 3.4.2 to 3.4.4.
    #[pyfunction]
    #[pyo3(signature = (signature_method, text, client_secret=None, token_secret=None, rsa_key=None, passphrase=None))]
    fn sign_base_string<'py>(
        signature_method: &Bound<'py, PyAny>,
        text: &Bound<'py, PyAny>,
        client_secret: Option<&Bound<'py, PyAny>>,
        token_secret: Option<&Bound<'py, PyAny>>,
        rsa_key: Option<&Bound<'py, PyAny>>,
        passphrase: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyString>> {
        let py = text.py();
        let (message, key) = match SignatureMethod::read(signature_method)? {
            SignatureMethod::Plaintext => (Cow::default(), Key::Plaintext(join_secrets(client_secret, token_secret)?)),
            SignatureMethod::Hmac(hash) => {
                (message(text)?, Key::Mac(Mac::new(hash, &join_secrets(client_secret, token_secret)?)))
            }
            SignatureMethod::Rsa(hash) => {
                (message(text)?, Key::Rsa(hash, signing_key(py, hash, rsa_key, passphrase)?.0))
            }
        };
        let (mut message, mut text) = (message.into_owned(), Vec::new());
        py.detach(|| key.push_signature(&mut text, &mut message)).map_err(|refusal| refusals::of_url(py, refusal))?;
        PyString::from_bytes(py, &text)
    }

    /// Whether ``signature`` is right for the base string ``text``, compared in constant time.
    ///
    /// Base64 in any other spelling than the canonical one (line breaks, stray bits, no padding) is wrong. ``rsa_key`` is
    /// a public key, a certificate or a private key in any form that ``keys.load_public_key`` reads.
    ///
    /// Spec: RFC 5849 section 3.2.
    #[pyfunction]
    #[pyo3(signature = (signature_method, text, signature, client_secret=None, token_secret=None, rsa_key=None))]
    fn check_signature<'py>(
        signature_method: &Bound<'py, PyAny>,
        text: &Bound<'py, PyAny>,
        signature: &Bound<'py, PyAny>,
        client_secret: Option<&Bound<'py, PyAny>>,
        token_secret: Option<&Bound<'py, PyAny>>,
        rsa_key: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<bool> {
        let py = text.py();
        let method = SignatureMethod::read(signature_method)?;
        let (claimed, _) = arguments::with_surrogates(arguments::text_only("signature", signature)?)?;
        let no_secret = PyString::intern(py, "").into_any();
        let secrets = Keys::new(client_secret.or(Some(&no_secret)), token_secret, None);
        let (keys, mut message) = match method {
            SignatureMethod::Rsa(_) if rsa_key.is_none() => {
                return Err(refusals::build(py, "missing_key", (signature_method,)));
            }
            SignatureMethod::Rsa(_) => (Keys::new(None, None, rsa_key), message(text)?.into_owned()),
            SignatureMethod::Hmac(_) => (secrets, message(text)?.into_owned()),
            SignatureMethod::Plaintext => (secrets, Vec::new()),
        };
        keys.is_right(py, method, &mut message, &claimed)
    }

    /// The HMAC of ``message``; ``hash_name`` is ``sha1``, ``sha256`` or ``sha512``. Spec: RFC 2104.
    #[pyfunction]
    fn hmac<'py>(
        hash_name: &Bound<'py, PyAny>,
        key: &Bound<'py, PyAny>,
        message: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let hash = read_hash(hash_name)?;
        match (arguments::bytes(key)?, arguments::bytes(message)?) {
            (Some(key), Some(message)) => {
                Ok(PyBytes::new(hash_name.py(), Mac::new(hash, &key).code(&mut message.into_owned()).as_ref())
                    .into_any())
            }
            _ => hash_name.py().import(TWIN)?.call_method1("hmac", (hash_name, key, message)),
        }
    }

    /// The RSASSA-PKCS1-v1_5 signature of ``message``; ``key`` is anything that ``keys.load_private_key`` reads.
    ///
    /// Spec: RFC 8017 section 8.2.1.
    #[pyfunction]
    fn rsa_sign<'py>(
        hash_name: &Bound<'py, PyAny>,
        key: &Bound<'py, PyAny>,
        message: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = key.py();
        let hash = read_hash(hash_name)?;
        let Some(octets) = arguments::bytes(message)? else {
            return py.import(TWIN)?.call_method1("rsa_sign", (hash_name, key, message));
        };
        let (key, _) = signing_key(py, hash, Some(key), None)?;
        let signature = py.detach(|| key.sign(hash, &octets)).map_err(|refusal| refusals::of_url(py, refusal))?;
        Ok(PyBytes::new(py, &signature).into_any())
    }

    /// Whether ``signature`` is the RSASSA-PKCS1-v1_5 signature of ``message``. Spec: RFC 8017 section 8.2.2.
    #[pyfunction]
    fn rsa_verify<'py>(
        hash_name: &Bound<'py, PyAny>,
        key: &Bound<'py, PyAny>,
        message: &Bound<'py, PyAny>,
        signature: &Bound<'py, PyAny>,
    ) -> PyResult<bool> {
        let py = key.py();
        let hash = read_hash(hash_name)?;
        let (Some(octets), Some(signature_octets)) = (arguments::bytes(message)?, arguments::bytes(signature)?) else {
            return py.import(TWIN)?.call_method1("rsa_verify", (hash_name, key, message, signature))?.extract();
        };
        let der = public_key_der(key)?;
        py.detach(|| rsa::verify(&der, hash, &octets, &signature_octets))
            .map_err(|refusal| refusals::of_url(py, refusal))
    }

    /// A nonce: 128 bits from the operating system as 32 hexadecimal digits, different in every forked process.
    #[pyfunction]
    fn make_nonce(py: Python<'_>) -> PyResult<Bound<'_, PyString>> {
        PyString::from_bytes(py, &draw_nonce(py)?)
    }

    /// Decoded pairs as octets.
    fn read_pairs(parameters: &Bound<'_, PyAny>) -> PyResult<Vec<(Vec<u8>, Vec<u8>)>> {
        let octets = |value| arguments::text_or_bytes("value", value).map(Cow::into_owned);
        arguments::pairs(parameters)?.iter().map(|[name, value]| Ok((octets(name)?, octets(value)?))).collect()
    }

    /// A text that is signed, as octets.
    fn message<'a>(text: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, [u8]>> {
        arguments::text_or_bytes("text", arguments::text_only("text", text)?)
    }
}
