//! The class `Signer`.

use std::{
    borrow::Cow,
    mem,
    num::NonZero,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
};

use pyo3::{
    PyTraverseError, PyVisit, intern,
    prelude::*,
    types::{PyInt, PyString},
};

use super::{
    ENGINE,
    arguments::{self, UrlSource},
    batch,
    keys::{SignatureMethod, join_secrets, signing_key},
    refusals,
};
use crate::{
    base64, clock,
    error::Refusal,
    header::{BODY_HASH, Protocol, Variable},
    mac::{Digest, Hash, Mac},
    random,
    scratch::Scratch,
    signer::{self, Form, Key, Request},
};

const RESERVED: [&[u8]; 2] = [b"oauth_signature", b"realm"];

/// Signs requests for one client and one token.
///
/// ``signature_method`` is a key of ``SIGNATURE_METHODS``. ``rsa_key`` (PEM or DER as text or bytes, a path object, or
/// a ``cryptography`` private key; ``passphrase`` if it is encrypted) is needed by the RSA methods, which ignore the
/// secrets. ``token`` of ``None`` or ``""`` is left out. ``realm`` stands in headers only. ``version=None`` leaves
/// ``oauth_version`` out. ``body_hash`` adds ``oauth_body_hash`` to every request that is no form (never with
/// PLAINTEXT). ``clock`` gives the time in seconds since 1970; default: the system's, and so while its ``is_system``
/// is true, without a call.
///
/// Raises ``UnsupportedMethodError``, ``MissingCredentialError``, ``InvalidKeyError`` and ``UsageError``.
///
/// Spec: RFC 5849 section 3.
#[pyclass(frozen, weakref, module = "oauthreg.signing._native")]
pub struct Signer {
    pub core: signer::Signer,
    hash: Option<Hash>,
    #[pyo3(get)]
    signature_method: Py<PyString>,
    #[pyo3(get)]
    client_id: Py<PyString>,
    #[pyo3(get)]
    token: Option<Py<PyString>>,
    #[pyo3(get)]
    realm: Option<Py<PyString>>,
    #[pyo3(get)]
    version: Option<Py<PyAny>>,
    #[pyo3(get)]
    body_hash: bool,
    /// The size of the RSA key in bits; 0 for the other methods.
    #[pyo3(get)]
    key_bits: u32,
    clock: Mutex<Option<Py<PyAny>>>,
    /// What kind of clock is set, which is found out faster than which.
    clock_kind: AtomicU8,
}

const NO_CLOCK: u8 = 0;
const SOME_CLOCK: u8 = 1;
/// One that says when it is the system's: that is read here for a third of a call.
const CLOCK_OF_OURS: u8 = 2;

fn clock_kind(py: Python<'_>, clock: Option<&Py<PyAny>>) -> PyResult<u8> {
    match clock {
        None => Ok(NO_CLOCK),
        Some(clock) if clock.bind(py).hasattr(intern!(py, "is_system"))? => Ok(CLOCK_OF_OURS),
        Some(_) => Ok(SOME_CLOCK),
    }
}

/// The argument `version`, whose `None` is not its default.
enum Version {
    Standard,
    Given(Option<Py<PyAny>>),
}

/// What a caller says of a request.
pub struct Given<'a, 'py> {
    pub method: &'a Bound<'py, PyAny>,
    pub url: &'a Bound<'py, PyAny>,
    pub body: Option<&'a Bound<'py, PyAny>>,
    pub content_type: Option<&'a Bound<'py, PyAny>>,
    pub parameters: Option<&'a Bound<'py, PyAny>>,
    pub nonce: Option<&'a Bound<'py, PyAny>>,
    pub timestamp: Option<&'a Bound<'py, PyAny>>,
}

/// The same, read from its objects, which another thread may do the rest with.
pub struct Prepared<'a> {
    pub method: Option<Cow<'a, [u8]>>,
    pub source: UrlSource<'a>,
    pub is_form: bool,
    /// `None` if it is no form, or if its octets cannot be had.
    pub form: Option<Cow<'a, [u8]>>,
    pub timestamp: Option<Vec<u8>>,
    /// What is sent if none is given.
    pub now: clock::Timestamp,
    pub nonce: Option<Vec<u8>>,
    pub extra: Vec<(Vec<u8>, Vec<u8>)>,
    /// Apart, since few requests have one and all are moved about.
    pub body_hash: Option<Box<Digest>>,
}

#[pymethods]
impl Signer {
    #[new]
    #[pyo3(
        signature = (signature_method, client_id, client_secret=None, *, token=None, token_secret=None, rsa_key=None,
                     passphrase=None, realm=None, version=Version::Standard, body_hash=None, clock=None),
        text_signature = "(signature_method, client_id, client_secret=None, *, token=None, token_secret=None, \
                          rsa_key=None, passphrase=None, realm=None, version='1.0', body_hash=False, clock=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "the protocol has as many")]
    fn new(
        signature_method: &Bound<'_, PyAny>,
        client_id: &Bound<'_, PyAny>,
        client_secret: Option<&Bound<'_, PyAny>>,
        token: Option<&Bound<'_, PyAny>>,
        token_secret: Option<&Bound<'_, PyAny>>,
        rsa_key: Option<&Bound<'_, PyAny>>,
        passphrase: Option<&Bound<'_, PyAny>>,
        realm: Option<&Bound<'_, PyAny>>,
        version: Version,
        body_hash: Option<&Bound<'_, PyAny>>,
        clock: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let py = signature_method.py();
        let method = SignatureMethod::read(signature_method)?;
        let client_id = arguments::as_text("client_id", client_id)?;
        if client_id.to_str()?.is_empty() {
            return Err(refusals::build(py, "missing_client_id", ()));
        }
        let token = match token {
            Some(token) if token.is_truthy()? => Some(arguments::as_text("token", token)?),
            _ => None,
        };
        let realm = realm.map(|realm| arguments::as_text("realm", realm)).transpose()?;
        if let Some(realm) = &realm
            && realm.to_str()?.bytes().any(|octet| octet.is_ascii_control())
        {
            return Err(refusals::build(py, "invalid_realm", ()));
        }
        let is_hashing = body_hash.map_or(Ok(false), PyAnyMethods::is_truthy)?;
        let secrets = join_secrets(client_secret, token_secret)?;
        let (key, key_bits) = match method {
            SignatureMethod::Hmac(hash) => (Key::Mac(Mac::new(hash, &secrets)), 0),
            SignatureMethod::Plaintext => (Key::Plaintext(secrets), 0),
            SignatureMethod::Rsa(hash) => {
                let (key, bits) = signing_key(py, hash, rsa_key, passphrase)?;
                (Key::Rsa(hash, key), bits)
            }
        };
        let version = match version {
            Version::Standard => Some(PyString::intern(py, "1.0").into_any()),
            Version::Given(version) => version.map(|version| version.into_bound(py)),
        };
        let version_octets =
            version.as_ref().map(|version| arguments::as_text_octets("version", version)).transpose()?;
        let signature_method = arguments::as_text("signature_method", signature_method)?;
        let octets = |text: &Option<Bound<'_, PyString>>| -> PyResult<Option<Vec<u8>>> {
            text.as_ref().map(|text| Ok(text.to_str()?.as_bytes().to_vec())).transpose()
        };
        let protocol = Protocol::new(
            octets(&realm)?.as_deref(),
            client_id.to_str()?.as_bytes(),
            octets(&token)?.as_deref(),
            signature_method.to_str()?.as_bytes(),
            version_octets.as_deref(),
        );
        Ok(Self {
            core: signer::Signer { protocol, key },
            hash: method.hash(),
            signature_method: signature_method.unbind(),
            client_id: client_id.unbind(),
            token: token.map(Bound::unbind),
            realm: realm.map(Bound::unbind),
            version: version.map(Bound::unbind),
            body_hash: is_hashing && method.hash().is_some(),
            key_bits,
            clock_kind: AtomicU8::new(clock_kind(py, clock.as_ref())?),
            clock: Mutex::new(clock),
        })
    }

    /// The value of the ``Authorization`` header for one request.
    ///
    /// ``url`` is a ``yarl.URL`` (its raw parts are used) or text as it goes on the wire; ``body`` is bytes, text or
    /// ``None`` and enters the signature if ``content_type`` says that it is a form. ``parameters`` are further
    /// protocol parameters (``oauth_callback``, ``oauth_verifier`` …). ``nonce`` and ``timestamp`` default to 128
    /// random bits and the time now; a timestamp given as text is sent as it stands.
    ///
    /// Raises ``UnsignableRequestError`` and ``UsageError``. Spec: RFC 5849 section 3.5.1.
    #[pyo3(
        signature = (method, url, body=None, content_type=None, *, parameters=None, nonce=None, timestamp=None),
        text_signature = "($self, method, url, body=None, content_type=None, *, parameters=(), nonce=None, \
                          timestamp=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "the protocol has as many")]
    fn authorization<'py>(
        &self,
        method: &Bound<'py, PyAny>,
        url: &Bound<'py, PyAny>,
        body: Option<&Bound<'py, PyAny>>,
        content_type: Option<&Bound<'py, PyAny>>,
        parameters: Option<&Bound<'py, PyAny>>,
        nonce: Option<&Bound<'py, PyAny>>,
        timestamp: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyString>> {
        let given = Given { method, url, body, content_type, parameters, nonce, timestamp };
        let prepared = self.prepare(&given, clock::now)?;
        self.run(&given, &prepared, &mut random::Nonce::default(), signer::Signer::authorization)
    }

    /// The protocol parameters of one request with ``oauth_signature`` last, decoded, for query or body placement.
    ///
    /// Arguments as in ``authorization``. An ``oauth_signature`` that the URL or the form brings along is not signed:
    /// take it out before sending. Spec: RFC 5849 sections 3.5.2 and 3.5.3.
    #[pyo3(
        signature = (method, url, body=None, content_type=None, *, parameters=None, nonce=None, timestamp=None),
        text_signature = "($self, method, url, body=None, content_type=None, *, parameters=(), nonce=None, \
                          timestamp=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "the protocol has as many")]
    fn parameters<'py>(
        &self,
        method: &Bound<'py, PyAny>,
        url: &Bound<'py, PyAny>,
        body: Option<&Bound<'py, PyAny>>,
        content_type: Option<&Bound<'py, PyAny>>,
        parameters: Option<&Bound<'py, PyAny>>,
        nonce: Option<&Bound<'py, PyAny>>,
        timestamp: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Vec<(Bound<'py, PyString>, Bound<'py, PyString>)>> {
        let given = Given { method, url, body, content_type, parameters, nonce, timestamp };
        let prepared = self.prepare(&given, clock::now)?;
        let text = |octets: &[u8]| PyString::from_bytes(method.py(), octets);
        let drawn = &mut random::Nonce::default();
        let signature = self.run(&given, &prepared, drawn, signer::Signer::signature)?;
        let nonce = prepared.nonce.as_deref().unwrap_or(drawn);
        self.core
            .protocol
            .constant()
            .iter()
            .map(|(name, value)| (name.as_bytes(), Cow::Borrowed(value.as_slice())))
            .chain(prepared.variable().pairs(nonce))
            .map(|(name, value)| Ok((text(name)?, text(&value)?)))
            .chain([text(b"oauth_signature").map(|name| (name, signature))])
            .collect()
    }

    /// The text that is signed for one request. Arguments as in ``authorization``. Spec: RFC 5849 section 3.4.1.
    #[pyo3(
        signature = (method, url, body=None, content_type=None, *, parameters=None, nonce=None, timestamp=None),
        text_signature = "($self, method, url, body=None, content_type=None, *, parameters=(), nonce=None, \
                          timestamp=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "the protocol has as many")]
    fn base_string<'py>(
        &self,
        method: &Bound<'py, PyAny>,
        url: &Bound<'py, PyAny>,
        body: Option<&Bound<'py, PyAny>>,
        content_type: Option<&Bound<'py, PyAny>>,
        parameters: Option<&Bound<'py, PyAny>>,
        nonce: Option<&Bound<'py, PyAny>>,
        timestamp: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyString>> {
        let given = Given { method, url, body, content_type, parameters, nonce, timestamp };
        let prepared = self.prepare(&given, clock::now)?;
        self.run(&given, &prepared, &mut random::Nonce::default(), signer::Signer::base_string)
    }

    /// The ``Authorization`` values of many requests, in order.
    ///
    /// ``requests`` gives ``(method, url)``, ``(method, url, body)`` or ``(method, url, body, content_type)``.
    /// ``threads`` is the most threads to use; ``None`` takes one a processor. The pure engine uses threads for RSA
    /// only, since nothing else here runs outside the interpreter's lock. A refusal names the request's position.
    #[pyo3(signature = (requests, *, threads=None))]
    fn sign_many<'py>(
        &self,
        requests: &Bound<'py, PyAny>,
        threads: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Vec<Bound<'py, PyString>>> {
        let py = requests.py();
        let threads = threads.map(read_threads).transpose()?;
        batch::sign(py, self, batch::Requests::of(requests)?, threads)
    }

    /// The engine that runs: ``"pure"`` or ``"native"``.
    #[getter]
    #[expect(clippy::unused_self, reason = "a property has an object")]
    fn engine(&self) -> &'static str {
        ENGINE
    }

    #[getter]
    fn clock(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.lock_clock().as_ref().map(|clock| clock.clone_ref(py))
    }

    #[setter]
    fn set_clock(&self, py: Python<'_>, clock: Option<Py<PyAny>>) -> PyResult<()> {
        let kind = clock_kind(py, clock.as_ref())?;
        self.exchange_clock(kind, clock);
        Ok(())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let client_id = self.client_id.bind(py).repr()?;
        Ok(format!("<Signer {} client_id={client_id} engine='{ENGINE}'>", self.signature_method.bind(py)))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.version)?;
        // A clock that is being exchanged right now is in use.
        self.clock.try_lock().map_or(Ok(()), |clock| visit.call(&*clock))
    }

    fn __clear__(&self) {
        self.exchange_clock(NO_CLOCK, None);
    }
}

impl Signer {
    fn lock_clock(&self) -> MutexGuard<'_, Option<Py<PyAny>>> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn exchange_clock(&self, kind: u8, clock: Option<Py<PyAny>>) {
        let former = {
            let mut place = self.lock_clock();
            self.clock_kind.store(kind, Ordering::Relaxed);
            mem::replace(&mut *place, clock)
        };
        // Dropped with the lock open: the end of an object may run any code.
        drop(former);
    }

    #[inline(always)]
    pub fn prepare<'a>(&self, given: &Given<'a, '_>, now: impl FnOnce() -> clock::Timestamp) -> PyResult<Prepared<'a>> {
        let py = given.method.py();
        let is_form = arguments::is_form(given.content_type)?;
        let told = if given.timestamp.is_none() { self.tell(py)? } else { None };
        if let Some(nonce) = given.nonce
            && !nonce.is_truthy()?
        {
            return Err(refusals::build(py, "invalid_nonce", ()));
        }
        let timestamp = given.timestamp.or(told.as_ref()).map(arguments::timestamp).transpose()?;
        let now = if timestamp.is_none() { now() } else { clock::Timestamp::default() };
        let nonce = given.nonce.map(|nonce| arguments::as_text_octets("nonce", nonce)).transpose()?;
        let extra = match given.parameters {
            Some(parameters) if parameters.is_truthy()? => self.read_extra(parameters)?,
            _ => Vec::new(),
        };
        let is_hashed = self.body_hash && !is_form && !extra.iter().any(|(name, _)| name == BODY_HASH.as_bytes());
        let body_hash = match self.hash {
            Some(hash) if is_hashed => Some(Box::new(hash.digest(&body_octets(given.body)?))),
            _ => None,
        };
        Ok(Prepared {
            method: given.method.cast().ok().map(arguments::with_surrogates).transpose()?.map(|(octets, _)| octets),
            source: UrlSource::read(given.url)?,
            is_form,
            form: if is_form { arguments::body(given.body)? } else { None },
            timestamp,
            now,
            nonce,
            extra,
            body_hash,
        })
    }

    /// What the clock says, if one is set.
    fn tell<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let kind = self.clock_kind.load(Ordering::Relaxed);
        if kind == NO_CLOCK {
            return Ok(None);
        }
        let Some(clock) = self.clock(py) else { return Ok(None) };
        let clock = clock.bind(py);
        if kind == CLOCK_OF_OURS && clock.getattr(intern!(py, "is_system"))?.is_truthy()? {
            return Ok(None);
        }
        clock.call0().map(Some)
    }

    fn read_extra(&self, parameters: &Bound<'_, PyAny>) -> PyResult<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut extra: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for [name, value] in arguments::pairs(parameters)? {
            let text = arguments::as_text("parameters", &name)?;
            let value = arguments::as_text_octets("parameters", &value)?;
            let name = text.to_str()?.as_bytes();
            if name.is_empty() {
                return Err(refusals::build(parameters.py(), "unnamed_parameter", ()));
            }
            if RESERVED.contains(&name)
                || self.core.protocol.gives(name)
                || extra.iter().any(|(earlier, _)| earlier == name)
            {
                return Err(refusals::build(parameters.py(), "reserved_parameter", (text,)));
            }
            extra.push((name.to_vec(), value));
        }
        Ok(extra)
    }

    /// The text that `sign` writes, with the nonce that is given or one that is left in `drawn`.
    fn run<'py>(
        &self,
        given: &Given<'_, 'py>,
        prepared: &Prepared<'_>,
        drawn: &mut random::Nonce,
        sign: impl FnOnce(&signer::Signer, &Request<'_>, &[u8], &mut Scratch) -> Result<(), Refusal> + Send,
    ) -> PyResult<Bound<'py, PyString>> {
        let py = given.method.py();
        let nonce = prepared.nonce(drawn).map_err(|refusal| refusals::of_url(py, refusal))?;
        Scratch::lend(|scratch| {
            let sign = || sign(&self.core, &prepared.request()?, nonce, scratch);
            match if self.core.key.is_slow() { py.detach(sign) } else { sign() } {
                Ok(()) => PyString::from_bytes(py, &scratch.text),
                Err(refusal) => Err(refusals::of_request(refusal, given.method, given.body)),
            }
        })
    }
}

impl FromPyObject<'_, '_> for Version {
    type Error = PyErr;

    fn extract(version: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        Ok(Self::Given((!version.is_none()).then(|| version.to_owned().unbind())))
    }
}

impl Prepared<'_> {
    #[inline(always)]
    pub fn request(&self) -> Result<Request<'_>, Refusal> {
        let form = match &self.form {
            _ if !self.is_form => Form::None,
            Some(octets) => Form::Octets(octets),
            None => Form::Unreadable,
        };
        let address = self.source.address()?;
        Ok(Request { method: self.method.as_deref(), address, form, variable: self.variable() })
    }

    fn variable(&self) -> Variable<'_> {
        let is_fresh = self.nonce.is_none() && self.timestamp.is_none();
        let timestamp = self.timestamp.as_deref().unwrap_or(&self.now);
        Variable { timestamp, is_fresh, extra: &self.extra, body_hash: self.body_hash.as_deref() }
    }

    /// The nonce that is given, or one that is drawn into `drawn`, where it stays: moved to and fro, its octets would be
    /// read again before they are written.
    #[inline(always)]
    fn nonce<'a>(&'a self, drawn: &'a mut random::Nonce) -> Result<&'a [u8], Refusal> {
        match &self.nonce {
            Some(nonce) => Ok(nonce),
            None => random::draw(drawn).map(|()| drawn.as_slice()),
        }
    }
}

/// A fresh nonce, different in every forked process.
pub fn draw_nonce(py: Python<'_>) -> PyResult<random::Nonce> {
    let mut nonce = random::Nonce::default();
    random::draw(&mut nonce).map_err(|refusal| refusals::of_url(py, refusal))?;
    Ok(nonce)
}

/// The value of `oauth_body_hash`.
pub fn hash_body(hash: Hash, body: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<u8>> {
    Ok(base64::encode(hash.digest(&body_octets(body)?).as_ref()))
}

/// The octets of a body; refuses one whose octets cannot be had.
fn body_octets<'a>(body: Option<&'a Bound<'_, PyAny>>) -> PyResult<Cow<'a, [u8]>> {
    match (arguments::body(body)?, body) {
        (None, Some(body)) => Err(refusals::unreadable_body(body)),
        (octets, _) => Ok(octets.unwrap_or_default()),
    }
}

fn read_threads(threads: &Bound<'_, PyAny>) -> PyResult<NonZero<usize>> {
    if threads.is_instance_of::<PyInt>() && threads.gt(0)? {
        return Ok(threads.extract().unwrap_or(NonZero::<usize>::MAX));
    }
    Err(refusals::build(threads.py(), "invalid_threads", (threads,)))
}
