//! Python objects as octets.

use std::{array, borrow::Cow};

use pyo3::{
    exceptions::{PyAttributeError, PyValueError},
    intern,
    prelude::*,
    pybacked::PyBackedStr,
    types::{PyByteArray, PyBytes, PyFloat, PyInt, PyIterator, PyList, PyMapping, PyMemoryView, PyString, PyTuple},
};

use super::{TWIN, refusals};
use crate::{
    base_string::{Address, BAD_PORT, NO_HOST, Url},
    error::Refusal,
};

const FORM: &str = "application/x-www-form-urlencoded";

/// The octets of text (as UTF-8) or bytes; `None` for lone surrogates and for other types.
pub fn octets<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<Option<Cow<'a, [u8]>>> {
    match value.cast::<PyString>() {
        Ok(text) => Ok(text.to_str().ok().map(|text| Cow::Borrowed(text.as_bytes()))),
        Err(_) => bytes(value),
    }
}

/// The octets of bytes; `None` for other types.
pub fn bytes<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<Option<Cow<'a, [u8]>>> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Some(Cow::Borrowed(bytes.as_bytes())));
    }
    if value.is_instance_of::<PyByteArray>() || value.is_instance_of::<PyMemoryView>() {
        let copy = value.py().get_type::<PyBytes>().call1((value,))?;
        return Ok(Some(Cow::Owned(copy.extract()?)));
    }
    Ok(None)
}

/// The octets of text or bytes; refuses everything else.
pub fn text_or_bytes<'a>(name: &str, value: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, [u8]>> {
    octets(value)?.ok_or_else(|| not_octets(name, value))
}

/// Text, also given as bytes in UTF-8; refuses everything else.
pub fn as_text<'py>(name: &str, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    if let Ok(text) = value.cast::<PyString>() {
        return if text.to_str().is_ok() { Ok(text.clone()) } else { Err(not_octets(name, value)) };
    }
    if value.is_instance_of::<PyBytes>() || value.is_instance_of::<PyByteArray>() {
        let octets = bytes(value)?.unwrap_or_default();
        return match std::str::from_utf8(&octets) {
            Ok(text) => Ok(PyString::new(value.py(), text)),
            Err(_) => Err(refusals::build(value.py(), "not_utf8", (name,))),
        };
    }
    Err(not_octets(name, value))
}

/// The octets of `as_text`.
pub fn as_text_octets(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    Ok(as_text(name, value)?.to_str()?.as_bytes().to_vec())
}

/// Text; refuses everything else.
pub fn text_only<'a, 'py>(name: &str, value: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, PyString>> {
    value.cast().map_err(|_| refusals::wrong_type(name, "text", value))
}

/// Text as octets and whether they are UTF-8: a lone surrogate takes the three octets of its code point.
#[inline(always)]
pub fn with_surrogates<'a>(text: &'a Bound<'_, PyString>) -> PyResult<(Cow<'a, [u8]>, bool)> {
    if let Ok(text) = text.to_str() {
        return Ok((Cow::Borrowed(text.as_bytes()), true));
    }
    let octets = text.call_method1("encode", ("utf-8", "surrogatepass"))?;
    Ok((Cow::Owned(octets.extract()?), false))
}

/// The octets of a body; `None` if they cannot be had.
pub fn body<'a>(body: Option<&'a Bound<'_, PyAny>>) -> PyResult<Option<Cow<'a, [u8]>>> {
    body.map_or(Ok(Some(Cow::Borrowed(b""))), octets)
}

/// Whether the media type, without its parameters, is the form type.
pub fn is_form(content_type: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
    let Some(content_type) = content_type else { return Ok(false) };
    let text = text_only("content_type", content_type)?.to_string_lossy();
    if text.len() <= FORM.len() {
        return Ok(text.eq_ignore_ascii_case(FORM));
    }
    let media_type = text.split(';').next().unwrap_or_default();
    Ok(media_type.trim_matches([' ', '\t']).eq_ignore_ascii_case(FORM))
}

/// A timestamp as it is sent: text as it stands, a number without its fraction.
pub fn timestamp(value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if value.is_instance_of::<PyString>() && value.is_truthy()? {
        return as_text_octets("timestamp", value);
    }
    let is_number = value.is_instance_of::<PyInt>() || value.is_instance_of::<PyFloat>();
    if is_number && value.ge(1)? && value.lt(1_u64 << 63)? {
        let whole: i64 = value.py().get_type::<PyInt>().call1((value,))?.extract()?;
        return Ok(whole.to_string().into_bytes());
    }
    Err(refusals::build(value.py(), "invalid_timestamp", (value,)))
}

/// Pairs of a name and a value, from a mapping or an iterable.
pub fn pairs<'py>(parameters: &Bound<'py, PyAny>) -> PyResult<Vec<[Bound<'py, PyAny>; 2]>> {
    let not_pairs = |value| refusals::wrong_type("parameters", "pairs of a name and a value", value);
    if !is_iterable(parameters)? {
        return Err(not_pairs(parameters));
    }
    let items =
        if parameters.cast::<PyMapping>().is_ok() { parameters.call_method0("items")? } else { parameters.clone() };
    let items: Vec<Bound<'py, PyAny>> = items.try_iter()?.collect::<PyResult<_>>()?;
    let pair = |item| match row(item) {
        Some([Some(name), Some(value)]) => Ok([name, value]),
        _ => Err(not_pairs(item)),
    };
    items.iter().map(pair).collect()
}

/// The items of a tuple or a list that has no more than `MOST`.
pub fn row<'py, const MOST: usize>(value: &Bound<'py, PyAny>) -> Option<[Option<Bound<'py, PyAny>>; MOST]> {
    // An item that is not there is not asked for: that would make an exception.
    if let Ok(tuple) = value.cast::<PyTuple>() {
        let length = tuple.len();
        let item = |place| if place < length { tuple.get_item(place).ok() } else { None };
        return (length <= MOST).then(|| array::from_fn(item));
    }
    let list = value.cast::<PyList>().ok()?;
    let length = list.len();
    let item = |place| if place < length { list.get_item(place).ok() } else { None };
    (length <= MOST).then(|| array::from_fn(item))
}

/// Whether Python's `Iterable` knows the object.
pub fn is_iterable(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if value.cast::<PyTuple>().is_ok() || value.cast::<PyList>().is_ok() || value.cast::<PyIterator>().is_ok() {
        return Ok(true);
    }
    value.is_instance(&value.py().import("collections.abc")?.getattr("Iterable")?)
}

/// The octets of text or of a `yarl.URL`, which need no interpreter any more.
pub enum UrlSource<'a> {
    Ascii(&'a [u8]),
    Text(Box<Text<'a>>),
    Parts(Box<Parts>),
}

/// Text as octets, and whether they are UTF-8.
pub struct Text<'a> {
    octets: Cow<'a, [u8]>,
    is_utf8: bool,
    a_label: Option<String>,
}

/// The raw parts of a `yarl.URL`.
pub struct Parts {
    scheme: Part,
    /// As it stands in the Host header.
    host: Part,
    a_label: Option<String>,
    port: Option<u32>,
    path: Part,
    query: Part,
}

/// Text as octets; what has no UTF-8 form has been encoded.
enum Part {
    Text(PyBackedStr),
    Octets(Vec<u8>, bool),
}

impl<'a> UrlSource<'a> {
    /// Takes what is needed from the object.
    #[inline(always)]
    pub fn read(url: &'a Bound<'_, PyAny>) -> PyResult<Self> {
        let Ok(text) = url.cast::<PyString>() else { return Self::read_parts(url) };
        match text.to_str() {
            // As many octets as characters.
            Ok(octets) if octets.len() == text.len()? => Ok(Self::Ascii(octets.as_bytes())),
            _ => Self::read_text(text),
        }
    }

    fn read_text(url: &'a Bound<'_, PyString>) -> PyResult<Self> {
        let py = url.py();
        let (octets, is_utf8) = with_surrogates(url)?;
        let parsed = Url::parse(&octets, is_utf8).map_err(|refusal| refusals::of_url(py, refusal))?;
        let a_label = a_label(py, parsed.host)?;
        Ok(Self::Text(Box::new(Text { octets, is_utf8, a_label })))
    }

    fn read_parts(url: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = url.py();
        let mut parts = Parts::read(url).map_err(|error| Parts::refusal(url, error))?;
        if parts.host.octets().is_empty() {
            return Err(refusals::build(py, "invalid_url", (url.str()?, NO_HOST)));
        }
        parts.a_label = a_label(py, parts.host.octets())?;
        Ok(Self::Parts(Box::new(parts)))
    }

    /// The parts of the URL.
    #[inline(always)]
    pub fn parse(&self, py: Python<'_>) -> PyResult<Url<'_>> {
        self.address().and_then(|address| address.parse()).map_err(|refusal| refusals::of_url(py, refusal))
    }

    /// The same, of ASCII text before it is taken apart.
    #[inline(always)]
    pub fn address(&self) -> Result<Address<'_>, Refusal> {
        Ok(match self {
            Self::Ascii(text) => Address::Text(text),
            Self::Text(text) => {
                Address::Parts(Url { a_label: text.a_label.as_deref(), ..Url::parse(&text.octets, text.is_utf8)? })
            }
            Self::Parts(parts) => Address::Parts(parts.url()),
        })
    }
}

impl Parts {
    fn read(url: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = url.py();
        let scheme = Part::of(url.getattr(intern!(py, "scheme"))?.cast()?)?;
        let host: Option<Bound<'_, PyString>> = url.getattr(intern!(py, "raw_host"))?.extract()?;
        Ok(Self {
            scheme,
            host: host.as_ref().map_or(Ok(Part::Octets(Vec::new(), true)), Part::of_host)?,
            a_label: None,
            port: url.getattr(intern!(py, "explicit_port"))?.extract()?,
            path: Part::of(url.getattr(intern!(py, "raw_path"))?.cast()?)?,
            query: Part::of(url.getattr(intern!(py, "raw_query_string"))?.cast()?)?,
        })
    }

    /// What an error while reading says of the URL.
    fn refusal(url: &Bound<'_, PyAny>, error: PyErr) -> PyErr {
        let py = url.py();
        if error.is_instance_of::<PyAttributeError>(py) {
            return refusals::wrong_type("url", "text or a `yarl.URL`", url);
        }
        if !error.is_instance_of::<PyValueError>(py) {
            return error;
        }
        // A `yarl.URL` made with `encoded=True` looks at its port only now.
        match url.getattr(intern!(py, "scheme")) {
            Ok(scheme) => refusals::build(py, "invalid_url", (format!("{scheme}://"), BAD_PORT)),
            Err(error) => error,
        }
    }

    fn url(&self) -> Url<'_> {
        let parts = [&self.scheme, &self.host, &self.path, &self.query];
        let is_utf8 = parts.iter().all(|part| part.is_utf8());
        let [scheme, host, path, query] = parts.map(Part::octets);
        let path = if path.is_empty() { b"/" } else { path };
        Url { scheme, host, a_label: self.a_label.as_deref(), port: self.port, path, query, is_utf8 }
    }
}

impl Part {
    fn of(text: &Bound<'_, PyString>) -> PyResult<Self> {
        if let Ok(text) = text.extract() {
            return Ok(Self::Text(text));
        }
        let (octets, is_utf8) = with_surrogates(text)?;
        Ok(Self::Octets(octets.into_owned(), is_utf8))
    }

    /// A host as it stands in the Host header, which yarl writes without the dots at the end of a name.
    fn of_host(host: &Bound<'_, PyString>) -> PyResult<Self> {
        let host = Self::of(host)?;
        let octets = host.octets();
        let name = &octets[..octets.iter().rposition(|&octet| octet != b'.').map_or(0, |last| last + 1)];
        if octets.contains(&b':') {
            return Ok(Self::Octets([b"[", name, b"]"].concat(), host.is_utf8()));
        }
        if name.len() < octets.len() {
            return Ok(Self::Octets(name.to_vec(), host.is_utf8()));
        }
        Ok(host)
    }

    fn octets(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Octets(octets, _) => octets,
        }
    }

    fn is_utf8(&self) -> bool {
        match self {
            Self::Text(_) => true,
            Self::Octets(_, is_utf8) => *is_utf8,
        }
    }
}

/// The A-label of an internationalised name, by the twin; `None` of a name in ASCII and of one that has none.
fn a_label(py: Python<'_>, host: &[u8]) -> PyResult<Option<String>> {
    if host.is_ascii() {
        return Ok(None);
    }
    let host = PyBytes::new(py, host).call_method1("decode", ("utf-8", "surrogatepass"))?;
    match py.import(TWIN)?.call_method1("host_a_label", (host,)) {
        Ok(label) => label.extract().map(Some),
        Err(error) if refusals::is_ours(py, &error)? => Ok(None),
        Err(error) => Err(error),
    }
}

fn not_octets(name: &str, value: &Bound<'_, PyAny>) -> PyErr {
    if value.is_instance_of::<PyString>() {
        refusals::lone_surrogate(value.py(), name)
    } else {
        refusals::wrong_type(name, "text or bytes", value)
    }
}
