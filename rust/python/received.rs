//! The class `SignedRequest` and the functions that check received requests.

use std::{borrow::Cow, ops::Deref};

use constant_time_eq::constant_time_eq;
use pyo3::{
    PyTraverseError, PyVisit, intern,
    prelude::*,
    pybacked::PyBackedStr,
    sync::PyOnceLock,
    types::{PyBool, PyBytes, PyDict, PyMappingProxy, PyString, PyTuple, PyType},
};

use super::{
    ENGINE, TWIN,
    arguments::{self, UrlSource},
    keys::{Keys, SignatureMethod},
    refusals,
    signer::hash_body,
};
use crate::{
    params::Foreign,
    received::{Known, Outline, Placement, seconds},
    scratch::Scratch,
    signer::Form,
};

/// What a received request says of itself.
///
/// ``parameters`` are all protocol parameters, decoded; ``placement`` is ``"header"``, ``"query"`` or ``"body"``, where
/// they stood; ``realm`` is ``None`` without one, as is ``token``. Nothing of it can be changed. Until ``verify`` has
/// returned it, none of this is proven. Those of the native engine are instances of this class, too.
#[pyclass(frozen, module = "oauthreg.signing._native")]
pub struct SignedRequest {
    /// What holds the parameters: they are decoded when somebody asks, which a check alone does not.
    text: Text,
    outline: Outline,
    parameters: PyOnceLock<Py<PyMappingProxy>>,
}

/// What was read of a request.
enum Text {
    /// Shared with whoever gave it.
    Header(PyBackedStr),
    Octets(Vec<u8>),
}

/// What a request must satisfy beside its signature, and who is asked.
struct Rules<'a, 'py> {
    lookup: Option<&'a Bound<'py, PyAny>>,
    signature_methods: &'a Bound<'py, PyTuple>,
    /// A bit for each of them, where they are looked at more than once.
    accepted: Option<u8>,
    needs_body_hash: bool,
    window: f64,
    is_new_nonce: Option<&'a Bound<'py, PyAny>>,
    decide: &'a Bound<'py, PyAny>,
}

/// A request as a server received it.
struct Given<'a, 'py> {
    method: &'a Bound<'py, PyAny>,
    url: &'a Bound<'py, PyAny>,
    body: Option<&'a Bound<'py, PyAny>>,
    content_type: Option<&'a Bound<'py, PyAny>>,
    authorization: Option<&'a Bound<'py, PyAny>>,
    now: Option<&'a Bound<'py, PyAny>>,
}

#[pymethods]
impl SignedRequest {
    #[classattr]
    fn __match_args__(py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(twin(py)?.getattr("__match_args__")?.unbind())
    }

    /// The client identifier.
    #[getter]
    fn client_id<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_text(py, &self.decoded(Known::ClientId))
    }

    /// The token; ``None`` without one, or for an empty one.
    #[getter]
    fn token<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let token = self.decoded(Known::Token);
        (!token.is_empty()).then(|| to_text(py, &token)).transpose()
    }

    /// The signature method.
    #[getter]
    fn signature_method<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_text(py, &self.decoded(Known::SignatureMethod))
    }

    /// Where the protocol parameters stood.
    #[getter]
    fn placement<'py>(&self, py: Python<'py>) -> &Bound<'py, PyString> {
        match self.outline.placement {
            Placement::Header => intern!(py, "header"),
            Placement::Query => intern!(py, "query"),
            Placement::Body => intern!(py, "body"),
        }
    }

    /// The realm that stood in the header.
    #[getter]
    fn realm<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyString>>> {
        self.outline.realm(&self.text).map(|realm| PyString::from_bytes(py, realm)).transpose()
    }

    /// All protocol parameters, decoded.
    #[getter]
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyMappingProxy>> {
        let made = self.parameters.get_or_try_init(py, || {
            let parameters = PyDict::new(py);
            for (name, value) in self.outline.decoded(&self.text) {
                parameters.set_item(PyString::from_bytes(py, name)?, to_text(py, &value)?)?;
            }
            PyResult::Ok(PyMappingProxy::new(py, parameters.as_mapping()).unbind())
        })?;
        Ok(made.bind(py))
    }

    fn __eq__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        twin(slf.py())?.call_method1("__eq__", (slf, other))
    }

    fn __repr__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        twin(slf.py())?.call_method1("__repr__", (slf,))
    }
}

impl SignedRequest {
    /// The value of a parameter; empty without it.
    fn decoded(&self, name: Known) -> Vec<u8> {
        self.outline.decode(self.outline.value(&self.text, name).unwrap_or_default())
    }
}

impl Deref for Text {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Header(text) => text.as_bytes(),
            Self::Octets(octets) => octets,
        }
    }
}

/// Checks received requests against the keys of one client and one token, or against those that ``lookup`` gives.
///
/// The arguments are those of ``verify``, each demanded and checked: a tuple of names, whether a body hash is needed, a
/// finite number. ``decide`` is given what the engine leaves alone, which is every request that has an unusual form or
/// that may have to be refused: it returns the request or words the refusal.
///
/// Spec: RFC 5849 section 3.2.
#[pyclass(frozen, weakref, module = "oauthreg.signing._native")]
pub struct Verifier {
    keys: Keys,
    lookup: Option<Py<PyAny>>,
    signature_methods: Py<PyTuple>,
    accepted: u8,
    needs_body_hash: bool,
    window: f64,
    is_new_nonce: Option<Py<PyAny>>,
    decide: Py<PyAny>,
}

#[pymethods]
impl Verifier {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "the protocol has as many")]
    fn new(
        client_secret: Option<&Bound<'_, PyAny>>,
        token_secret: Option<&Bound<'_, PyAny>>,
        rsa_key: Option<&Bound<'_, PyAny>>,
        lookup: Option<Py<PyAny>>,
        signature_methods: &Bound<'_, PyTuple>,
        needs_body_hash: bool,
        window: f64,
        is_new_nonce: Option<Py<PyAny>>,
        decide: Py<PyAny>,
    ) -> Self {
        Self {
            keys: Keys::new(client_secret, token_secret, rsa_key),
            lookup,
            accepted: SignatureMethod::bits_of(signature_methods),
            signature_methods: signature_methods.clone().unbind(),
            needs_body_hash,
            window,
            is_new_nonce,
            decide,
        }
    }

    /// The request's own word, once its signature is proven.
    ///
    /// Arguments, answer and refusals as in the function ``verify``. Spec: RFC 5849 section 3.2.
    #[pyo3(signature = (method, url, body=None, content_type=None, *, authorization=None, now=None))]
    fn verify<'py>(
        &self,
        method: &Bound<'py, PyAny>,
        url: &Bound<'py, PyAny>,
        body: Option<&Bound<'py, PyAny>>,
        content_type: Option<&Bound<'py, PyAny>>,
        authorization: Option<&Bound<'py, PyAny>>,
        now: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let given = Given { method, url, body, content_type, authorization, now };
        self.rules(method.py()).verify(&self.keys, &given)
    }

    /// The engine that runs: ``"pure"`` or ``"native"``.
    #[getter]
    #[expect(clippy::unused_self, reason = "a property has an object")]
    fn engine(&self) -> &'static str {
        ENGINE
    }

    #[expect(clippy::unused_self, reason = "so has a text for people")]
    fn __repr__(&self) -> String {
        format!("<Verifier engine='{ENGINE}'>")
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.keys.visit(&visit)?;
        visit.call(&self.lookup)?;
        visit.call(&self.signature_methods)?;
        visit.call(&self.is_new_nonce)?;
        visit.call(&self.decide)
    }
}

impl Verifier {
    fn rules<'a, 'py>(&'a self, py: Python<'py>) -> Rules<'a, 'py> {
        Rules {
            lookup: self.lookup.as_ref().map(|lookup| lookup.bind(py)),
            signature_methods: self.signature_methods.bind(py),
            accepted: Some(self.accepted),
            needs_body_hash: self.needs_body_hash,
            window: self.window,
            is_new_nonce: self.is_new_nonce.as_ref().map(|is_new_nonce| is_new_nonce.bind(py)),
            decide: self.decide.bind(py),
        }
    }
}

/// The request's own word, once its signature is proven.
///
/// The arguments are those of a ``Verifier`` and of its method ``verify``, each demanded; it answers and refuses in the
/// same way, and nothing is kept. Spec: RFC 5849 section 3.2.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "the protocol has as many")]
pub fn verify<'py>(
    method: &Bound<'py, PyAny>,
    url: &Bound<'py, PyAny>,
    body: Option<&Bound<'py, PyAny>>,
    content_type: Option<&Bound<'py, PyAny>>,
    authorization: Option<&Bound<'py, PyAny>>,
    client_secret: Option<&Bound<'py, PyAny>>,
    token_secret: Option<&Bound<'py, PyAny>>,
    rsa_key: Option<&Bound<'py, PyAny>>,
    lookup: Option<&Bound<'py, PyAny>>,
    signature_methods: &Bound<'py, PyTuple>,
    needs_body_hash: bool,
    now: Option<&Bound<'py, PyAny>>,
    window: f64,
    is_new_nonce: Option<&Bound<'py, PyAny>>,
    decide: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let rules = Rules { lookup, signature_methods, accepted: None, needs_body_hash, window, is_new_nonce, decide };
    let given = Given { method, url, body, content_type, authorization, now };
    rules.verify(&Keys::new(client_secret, token_secret, rsa_key), &given)
}

impl<'py> Rules<'_, 'py> {
    fn verify(&self, keys: &Keys, given: &Given<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
        let &Given { method, url, body, content_type, authorization, now } = given;
        let mut found = None;
        let proven = Scratch::lend(|scratch| self.prove(keys, given, &mut found, scratch))?;
        if let Some(request) = proven {
            return Ok(request.into_any());
        }
        let secrets = match (&found, self.lookup) {
            (None, Some(_)) => None,
            (found, _) => Some(found.as_ref().unwrap_or(keys).given(method.py())?),
        };
        self.decide.call1((
            (ENGINE, method, url, body, content_type, authorization),
            secrets,
            self.lookup,
            self.signature_methods,
            self.needs_body_hash,
            now,
            self.window,
            self.is_new_nonce,
        ))
    }

    /// The request, if it has the usual form and is right; the keys that a lookup gave are left in `found`.
    fn prove(
        &self,
        keys: &Keys,
        given: &Given<'_, 'py>,
        found: &mut Option<Keys>,
        scratch: &mut Scratch,
    ) -> PyResult<Option<Bound<'py, SignedRequest>>> {
        let py = given.method.py();
        let Some((request, signature_method)) = unless_refused(py, self.read(given, scratch))?.flatten() else {
            return Ok(None);
        };
        let keys = match self.lookup {
            None => keys,
            Some(lookup) => found.insert(Keys::of(&lookup.call1((&request,))?)?),
        };
        let SignedRequest { text, outline, .. } = request.get();
        let claimed = outline.value(text, Known::Signature).unwrap_or_default();
        let Scratch { base_string: message, text: expected, .. } = scratch;
        let is_right = match keys.is_escaped_code(py, signature_method, message, claimed, expected) {
            Ok(false) => keys.is_right(py, signature_method, message, &outline.decode(claimed)),
            outcome => outcome,
        };
        if unless_refused(py, is_right)? != Some(true) {
            return Ok(None);
        }
        if let Some(is_new_nonce) = self.is_new_nonce
            && (signature_method != SignatureMethod::Plaintext || outline.is_complete(text, true))
        {
            let answer = is_new_nonce.call1((&request,))?;
            if !answer.cast_exact::<PyBool>().is_ok_and(PyBoolMethods::is_true) {
                let text = PyString::from_bytes(py, &scratch.base_string)?;
                return Err(refusals::build(py, "no_new_nonce", (answer, text)));
            }
        }
        Ok(Some(request))
    }

    /// A request of the usual form that meets all that is asked before its keys are known, and its signature method;
    /// its base string is in the buffers.
    #[inline(always)]
    fn read(
        &self,
        given: &Given<'_, 'py>,
        scratch: &mut Scratch,
    ) -> PyResult<Option<(Bound<'py, SignedRequest>, SignatureMethod)>> {
        let py = given.method.py();
        let header = match given.authorization.map(Bound::cast::<PyString>) {
            None => "",
            Some(Ok(header)) => header.to_str().unwrap_or("\u{fffd}"),
            Some(Err(_)) => return Ok(None),
        };
        let source = UrlSource::read(given.url)?;
        let is_form = arguments::is_form(given.content_type)?;
        let octets = if is_form { arguments::body(given.body)? } else { Some(Cow::Borrowed(&b""[..])) };
        let (Some(octets), Ok(method)) = (octets, given.method.cast::<PyString>()) else { return Ok(None) };
        let now = match given.now.map(PyAnyMethods::extract::<f64>) {
            None => None,
            Some(Ok(now)) if now.is_finite() => Some(now),
            Some(_) => return Ok(None),
        };
        let Scratch { parameters, target, header: former, base_string, .. } = scratch;
        let (method, _) = arguments::with_surrogates(method)?;
        let Ok(query) = source.address().and_then(|address| target.turn_to(&method, &address)) else {
            return Ok(None);
        };
        let placed = if header.is_empty() {
            let outline = Outline::of_form(query, Placement::Query).map(|outline| (query, outline));
            outline.or_else(|| Outline::of_form(&octets, Placement::Body).map(|outline| (&*octets, outline)))
        } else {
            former.turn_to(header.as_bytes()).map(|outline| (header.as_bytes(), outline))
        };
        let Some((text, outline)) = placed else { return Ok(None) };
        let Some(signature_method) = self.signature_method(py, text, &outline, now)? else { return Ok(None) };
        if !self.covers_body(text, &outline, signature_method, is_form, given.body)? {
            return Ok(None);
        }
        if signature_method == SignatureMethod::Plaintext && !source.address().is_ok_and(|address| address.is_https()) {
            return Ok(None);
        }
        parameters.clear(2 * (header.len() + query.len() + octets.len()));
        if outline.placement == Placement::Header {
            former.push_to(&outline, text, parameters);
        }
        let foreign = |place| if outline.placement == place { Foreign::Counted } else { Foreign::Refused };
        let form = if is_form { Form::Octets(&octets) } else { Form::None };
        let pushed = parameters
            .push_form(query, "query", foreign(Placement::Query))
            .and_then(|()| form.push_to(parameters, foreign(Placement::Body)));
        if pushed.is_err() {
            return Ok(None);
        }
        target.write(base_string, parameters);
        let text = match given.authorization.map(Bound::cast_exact::<PyString>) {
            Some(Ok(header)) if outline.placement == Placement::Header => Text::Header(header.clone().try_into()?),
            _ => Text::Octets(text.to_vec()),
        };
        let request = Bound::new(py, SignedRequest { text, outline, parameters: PyOnceLock::new() })?;
        Ok(Some((request, signature_method)))
    }

    /// The signature method of a request whose claims are complete and accepted.
    fn signature_method(
        &self,
        py: Python<'_>,
        text: &[u8],
        outline: &Outline,
        now: Option<f64>,
    ) -> PyResult<Option<SignatureMethod>> {
        let claimed = outline.value(text, Known::SignatureMethod).unwrap_or_default();
        let Some(method) = SignatureMethod::from_name(claimed) else {
            return Ok(None);
        };
        if !outline.is_complete(text, method != SignatureMethod::Plaintext) {
            return Ok(None);
        }
        if let Some(timestamp) = outline.value(text, Known::Timestamp) {
            let Some(seconds) = seconds(timestamp) else { return Ok(None) };
            #[expect(clippy::cast_precision_loss, reason = "as Python rounds")]
            if now.is_some_and(|now| (seconds as f64 - now).abs() > self.window) {
                return Ok(None);
            }
        }
        let is_accepted = match self.accepted {
            Some(accepted) => accepted & method.bit() != 0,
            None => self.signature_methods.contains(method.name(py))?,
        };
        Ok(is_accepted.then_some(method))
    }

    /// Whether the body hash is right, or missing where it may.
    fn covers_body(
        &self,
        text: &[u8],
        outline: &Outline,
        method: SignatureMethod,
        is_form: bool,
        body: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        match (outline.value(text, Known::BodyHash), method.hash()) {
            (claimed, _) if is_form => Ok(claimed.is_none()),
            (Some(claimed), Some(hash)) => Ok(constant_time_eq(&hash_body(hash, body)?, &outline.decode(claimed))),
            _ => Ok(!self.needs_body_hash),
        }
    }
}

/// What was found; `None` for a refusal, which is found again where it is worded.
fn unless_refused<T>(py: Python<'_>, outcome: PyResult<T>) -> PyResult<Option<T>> {
    match outcome {
        Err(error) if refusals::is_ours(py, &error)? => Ok(None),
        outcome => outcome.map(Some),
    }
}

/// Octets as text, with signs of replacement for what is not UTF-8.
fn to_text<'py>(py: Python<'py>, octets: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    match PyString::from_bytes(py, octets) {
        Ok(text) => Ok(text.into_any()),
        Err(_) => PyBytes::new(py, octets).call_method1("decode", ("utf-8", "replace")),
    }
}

/// The class of the pure engine.
fn twin(py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
    Ok(py.import(TWIN)?.getattr("SignedRequest")?.cast_into()?)
}
