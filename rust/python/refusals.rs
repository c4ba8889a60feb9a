//! The exceptions of `oauthreg/errors.py`, worded by `oauthreg/signing/refusals.py`.

use pyo3::{
    call::PyCallArgs,
    exceptions::PyOSError,
    prelude::*,
    types::{PyBytes, PyString},
};

use crate::error::Refusal;

/// The exception that the function `name` gives.
#[cold]
pub fn build<'py>(py: Python<'py>, name: &str, arguments: impl PyCallArgs<'py>) -> PyErr {
    let build = py.import("oauthreg.signing.refusals").and_then(|refusals| refusals.getattr(name));
    match build.and_then(|build| build.call1(arguments)) {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

/// An argument of a type that cannot be signed.
#[cold]
pub fn wrong_type(name: &str, wanted: &str, value: &Bound<'_, PyAny>) -> PyErr {
    build(value.py(), "wrong_type", (name, wanted, value))
}

/// Text that has no UTF-8 form.
#[cold]
pub fn lone_surrogate(py: Python<'_>, name: &str) -> PyErr {
    build(py, "lone_surrogate", (name,))
}

/// A body whose octets cannot be had.
#[cold]
pub fn unreadable_body(body: &Bound<'_, PyAny>) -> PyErr {
    if body.is_instance_of::<PyString>() {
        return lone_surrogate(body.py(), "body");
    }
    match body.get_type().name() {
        Ok(kind) => build(body.py(), "unsignable_body", (kind,)),
        Err(error) => error,
    }
}

/// The exception for a refusal of a request made of `method` and `body`.
#[cold]
pub fn of_request(refusal: Refusal, method: &Bound<'_, PyAny>, body: Option<&Bound<'_, PyAny>>) -> PyErr {
    match (refusal, body) {
        (Refusal::MethodIsNotText, _) => wrong_type("method", "text", method),
        (Refusal::UnreadableBody, Some(body)) => unreadable_body(body),
        (refusal, _) => of_url(method.py(), refusal),
    }
}

/// The exception for a refusal that only the URL, the text of the method or the key can cause.
#[cold]
pub fn of_url(py: Python<'_>, refusal: Refusal) -> PyErr {
    match refusal {
        Refusal::InvalidMethod(method) => with_text(py, "invalid_method", &method, "surrogatepass", None),
        Refusal::InvalidUrl { url, reason } => with_text(py, "invalid_url", &url, "surrogatepass", Some(reason)),
        Refusal::LoneSurrogate => lone_surrogate(py, "url"),
        Refusal::ProtocolParameter { name, place } => {
            with_text(py, "protocol_parameters_in_request", &name, "replace", Some(place))
        }
        Refusal::NoRandomBits(error) => PyOSError::new_err(error.to_string()),
        // The last two are told by the request's objects: `of_request` has answered them.
        Refusal::UnusableKey | Refusal::MethodIsNotText | Refusal::UnreadableBody => build(py, "unusable_key", ()),
    }
}

/// Whether the exception belongs to the package's tree.
#[cold]
pub fn is_ours(py: Python<'_>, error: &PyErr) -> PyResult<bool> {
    error.value(py).is_instance(&py.import("oauthreg.errors")?.getattr("OAuthRegError")?)
}

#[cold]
fn with_text(py: Python<'_>, name: &str, text: &[u8], errors: &str, second: Option<&str>) -> PyErr {
    match (PyBytes::new(py, text).call_method1("decode", ("utf-8", errors)), second) {
        (Ok(text), Some(second)) => build(py, name, (text, second)),
        (Ok(text), None) => build(py, name, (text,)),
        (Err(error), _) => error,
    }
}
