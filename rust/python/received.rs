//! The class `SignedRequest` and the functions that check received requests.

use std::borrow::Cow;

use pyo3::{
    intern,
    prelude::*,
    sync::PyOnceLock,
    types::{PyBytes, PyDict, PyFloat, PyInt, PyMappingProxy, PyString, PyType},
};

use super::{
    TWIN,
    arguments::{self, UrlSource},
    keys::{SignatureMethod, is_right},
    refusals,
    signer::hash_body,
};
use crate::{
    base_string,
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
    text: Vec<u8>,
    outline: Outline,
    parameters: PyOnceLock<Py<PyMappingProxy>>,
}

/// What is known of a received request before its keys are.
struct Given<'a, 'py> {
    method: &'a Bound<'py, PyAny>,
    url: &'a Bound<'py, PyAny>,
    body: Option<&'a Bound<'py, PyAny>>,
    content_type: Option<&'a Bound<'py, PyAny>>,
    authorization: Option<&'a Bound<'py, PyAny>>,
    signature_methods: &'a Bound<'py, PyAny>,
    body_hash: &'a Bound<'py, PyAny>,
    now: Option<&'a Bound<'py, PyAny>>,
    window: &'a Bound<'py, PyAny>,
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
        self.text_of(py, self.value(Known::ClientId))
    }

    /// The token; ``None`` without one, or for an empty one.
    #[getter]
    fn token<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let token = self.value(Known::Token);
        (!token.is_empty()).then(|| self.text_of(py, token)).transpose()
    }

    /// The signature method.
    #[getter]
    fn signature_method<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.text_of(py, self.value(Known::SignatureMethod))
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
    fn new(text: &[u8], outline: Outline) -> Self {
        Self { text: text.to_vec(), outline, parameters: PyOnceLock::new() }
    }

    fn value(&self, name: Known) -> &[u8] {
        self.outline.value(&self.text, name).unwrap_or_default()
    }

    fn text_of<'py>(&self, py: Python<'py>, value: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        to_text(py, &self.outline.decode(value))
    }
}

/// The request's own word, if it has the usual form and its signature is right; ``None`` leaves it to ``verify``.
///
/// Arguments as in ``verify``, which gives the same answer, takes every form and says what is wrong.
///
/// Spec: RFC 5849 section 3.2.
#[pyfunction]
#[pyo3(signature = (method, url, body, content_type, authorization, client_secret, token_secret, rsa_key,
                    signature_methods, body_hash, now, window))]
#[expect(clippy::too_many_arguments, reason = "the protocol has as many")]
pub fn accept_request<'py>(
    method: &Bound<'py, PyAny>,
    url: &Bound<'py, PyAny>,
    body: Option<&Bound<'py, PyAny>>,
    content_type: Option<&Bound<'py, PyAny>>,
    authorization: Option<&Bound<'py, PyAny>>,
    client_secret: Option<&Bound<'py, PyAny>>,
    token_secret: Option<&Bound<'py, PyAny>>,
    rsa_key: Option<&Bound<'py, PyAny>>,
    signature_methods: &Bound<'py, PyAny>,
    body_hash: &Bound<'py, PyAny>,
    now: Option<&Bound<'py, PyAny>>,
    window: &Bound<'py, PyAny>,
) -> PyResult<Option<SignedRequest>> {
    let py = method.py();
    let given = Given { method, url, body, content_type, authorization, signature_methods, body_hash, now, window };
    given.read(|text, outline, signature_method, signature, scratch| {
        let is_right =
            is_right(py, signature_method, &mut scratch.base_string, signature, client_secret, token_secret, rsa_key)?;
        Ok(is_right.then(|| SignedRequest::new(text, outline)))
    })
}

/// What ``read_request`` gives.
type Read<'py> = (SignedRequest, Bound<'py, PyString>, Bound<'py, PyAny>, Bound<'py, PyString>);

/// A request of the usual form whose signature is still to be checked; ``None`` leaves it to ``verify``.
///
/// Gives the request, its signature method, its signature and its base string. Arguments as in ``verify``; all that it
/// asks of a request before it looks for the keys is met.
///
/// Spec: RFC 5849 section 3.2.
#[pyfunction]
#[pyo3(signature = (method, url, body, content_type, authorization, signature_methods, body_hash, now, window))]
#[expect(clippy::too_many_arguments, reason = "the protocol has as many")]
pub fn read_request<'py>(
    method: &Bound<'py, PyAny>,
    url: &Bound<'py, PyAny>,
    body: Option<&Bound<'py, PyAny>>,
    content_type: Option<&Bound<'py, PyAny>>,
    authorization: Option<&Bound<'py, PyAny>>,
    signature_methods: &Bound<'py, PyAny>,
    body_hash: &Bound<'py, PyAny>,
    now: Option<&Bound<'py, PyAny>>,
    window: &Bound<'py, PyAny>,
) -> PyResult<Option<Read<'py>>> {
    let py = method.py();
    let given = Given { method, url, body, content_type, authorization, signature_methods, body_hash, now, window };
    given.read(|text, outline, signature_method, signature, scratch| {
        let base_string = PyString::from_bytes(py, &scratch.base_string)?;
        let name = signature_method.name(py).clone();
        Ok(Some((SignedRequest::new(text, outline), name, to_text(py, signature)?, base_string)))
    })
}

impl<'py> Given<'_, 'py> {
    /// What `conclude` makes of the text with the protocol parameters, their outline, the signature method and the
    /// signature, decoded; the base string is in the buffers. `None` for a request of an unusual form, and for every
    /// refusal, which is found again where it is worded.
    fn read<T>(
        &self,
        conclude: impl FnOnce(&[u8], Outline, SignatureMethod, &[u8], &mut Scratch) -> PyResult<Option<T>>,
    ) -> PyResult<Option<T>> {
        match self.try_read(conclude) {
            Err(error) if refusals::is_ours(self.method.py(), &error)? => Ok(None),
            outcome => outcome,
        }
    }

    #[inline(always)]
    fn try_read<T>(
        &self,
        conclude: impl FnOnce(&[u8], Outline, SignatureMethod, &[u8], &mut Scratch) -> PyResult<Option<T>>,
    ) -> PyResult<Option<T>> {
        let py = self.method.py();
        let header = match self.authorization.map(Bound::cast::<PyString>) {
            None => "",
            Some(Ok(header)) => header.to_str().unwrap_or("\u{fffd}"),
            Some(Err(_)) => return Ok(None),
        };
        let source = UrlSource::read(self.url)?;
        let url = source.parse(py)?;
        let is_form = arguments::is_form(self.content_type)?;
        let octets = if is_form { arguments::body(self.body)? } else { Some(Cow::Borrowed(&b""[..])) };
        let (Some(octets), Ok(method)) = (octets, self.method.cast::<PyString>()) else { return Ok(None) };
        let placed = if header.is_empty() {
            let query = Outline::of_form(url.query, Placement::Query).map(|outline| (url.query, outline));
            query.or_else(|| Outline::of_form(&octets, Placement::Body).map(|outline| (&*octets, outline)))
        } else {
            Outline::of_header(header.as_bytes()).map(|outline| (header.as_bytes(), outline))
        };
        let Some((text, outline)) = placed else { return Ok(None) };
        let Some(signature_method) = self.signature_method(text, &outline)? else { return Ok(None) };
        if !self.covers_body(text, &outline, signature_method, is_form)? {
            return Ok(None);
        }
        let placement = outline.placement;
        let foreign = |place| if placement == place { Foreign::Counted } else { Foreign::Refused };
        let form = if is_form { Form::Octets(&octets) } else { Form::None };
        let (method, _) = arguments::with_surrogates(method)?;
        Scratch::lend(|scratch| {
            let parameters = &mut scratch.parameters;
            parameters.clear(2 * (header.len() + url.query.len() + octets.len()));
            if placement == Placement::Header {
                outline.push_to(text, parameters);
            }
            let written = url
                .push_query(parameters, foreign(Placement::Query))
                .and_then(|()| form.push_to(parameters, foreign(Placement::Body)))
                .and_then(|()| base_string::write(&mut scratch.base_string, Some(&method), &url, parameters));
            if written.is_err() {
                return Ok(None);
            }
            let signature = outline.decode(outline.value(text, Known::Signature).unwrap_or_default());
            conclude(text, outline, signature_method, &signature, scratch)
        })
    }

    /// The signature method of a request whose claims are complete and accepted.
    fn signature_method(&self, text: &[u8], outline: &Outline) -> PyResult<Option<SignatureMethod>> {
        let py = self.method.py();
        let claimed = outline.value(text, Known::SignatureMethod).unwrap_or_default();
        let Some(method) = std::str::from_utf8(claimed).ok().and_then(SignatureMethod::from_name) else {
            return Ok(None);
        };
        if !outline.is_complete(text, method != SignatureMethod::Plaintext) {
            return Ok(None);
        }
        if let Some(timestamp) = outline.value(text, Known::Timestamp) {
            match seconds(timestamp) {
                Some(seconds) if self.is_in_window(seconds)? => {}
                _ => return Ok(None),
            }
        }
        Ok(self.signature_methods.contains(method.name(py))?.then_some(method))
    }

    /// Whether the timestamp is near enough, by the numbers' own arithmetic.
    fn is_in_window(&self, timestamp: i64) -> PyResult<bool> {
        let Some(now) = self.now else { return Ok(true) };
        if now.is_exact_instance_of::<PyFloat>() && self.window.is_exact_instance_of::<PyInt>() {
            // All seconds that such a window can tell apart are exact.
            if let (Ok(now), Ok(window)) = (now.extract::<f64>(), self.window.extract::<i32>()) {
                #[expect(clippy::cast_precision_loss, reason = "as Python rounds")]
                let off = (timestamp as f64 - now).abs();
                return Ok(!(off > f64::from(window)));
            }
        }
        let off = timestamp.into_pyobject(self.method.py())?.sub(now)?.abs()?;
        Ok(!off.gt(self.window)?)
    }

    /// Whether the body hash is right, or missing where it may.
    fn covers_body(&self, text: &[u8], outline: &Outline, method: SignatureMethod, is_form: bool) -> PyResult<bool> {
        let is_optional = || Ok(!self.body_hash.eq("required")?);
        match (outline.value(text, Known::BodyHash), method.hash()) {
            (None, _) if is_form => Ok(true),
            (Some(_), _) if is_form => Ok(false),
            (Some(claimed), Some(hash)) => {
                let (computed, claimed) = (hash_body(hash, self.body)?, outline.decode(claimed));
                Ok(computed.len() == claimed.len() && openssl::memcmp::eq(&computed, &claimed))
            }
            _ => is_optional(),
        }
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
