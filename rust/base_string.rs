//! The signature base string. Spec: RFC 5849 section 3.4.1.

use std::borrow::Cow;

use crate::{
    error::Refusal,
    escape::{self, Reserved},
    params::{Foreign, Parameters},
};

const NO_SCHEME: &str = "it has no scheme and host";
/// Why a URL without a host is refused.
pub const NO_HOST: &str = "it has no host";
/// Why a URL with a port that is none is refused.
pub const BAD_PORT: &str = "its port is no number up to 65535";
const BAD_SCHEME: &str = "its scheme is neither http nor https";
const BAD_HOST: &str = "its host is no host name or address";

/// The parts of a URL as they stand on the wire.
#[derive(Clone, Copy)]
pub struct Url<'a> {
    pub scheme: &'a [u8],
    /// A host name or an IPv6 address in brackets.
    pub host: &'a [u8],
    /// The A-label of a host that is not ASCII, if it has one.
    pub a_label: Option<&'a str>,
    pub port: Option<u32>,
    /// Not empty.
    pub path: &'a [u8],
    pub query: &'a [u8],
    /// Whether the parts are known to be UTF-8; otherwise lone surrogates may stand in them.
    pub is_utf8: bool,
}

/// Where a request goes.
#[derive(Clone, Copy)]
pub enum Address<'a> {
    /// The URL as ASCII text, which is taken apart only if it is new.
    Text(&'a [u8]),
    Parts(Url<'a>),
}

/// What stands before the parameters in the base string of the former request whose URL was text.
///
/// The next request often has the same method and the same URL up to the query, which need not be read once more then.
#[derive(Default)]
pub struct Target {
    method: Vec<u8>,
    /// Up to the query; empty if there was no such request.
    url: Vec<u8>,
    text: Vec<u8>,
}

/// The checked and lower-case start of a URL, without a default port.
struct Root<'a> {
    /// The scheme and the signs behind it.
    start: &'static str,
    escaped_start: &'static str,
    host: Cow<'a, [u8]>,
    /// Whether the host needs no escape.
    is_plain: bool,
    port: Option<u32>,
}

impl<'a> Url<'a> {
    /// The parts of a URL given as text.
    pub fn parse(url: &'a [u8], is_utf8: bool) -> Result<Self, Refusal> {
        let refused = |reason| Refusal::InvalidUrl { url: url.to_vec(), reason };
        let (scheme, rest) = split_scheme(url).ok_or_else(|| refused(NO_SCHEME))?;
        let (authority, path, query) = split_rest(rest);
        let (host, port) = split_authority(authority);
        if host.is_empty() {
            return Err(refused(NO_HOST));
        }
        let port = match port {
            b"" => None,
            digits => Some(parse_port(digits).ok_or_else(|| {
                // What stands there may be a password whose user forgot the host.
                Refusal::InvalidUrl { url: [scheme, b"://", host].concat(), reason: BAD_PORT }
            })?),
        };
        let path = if path.is_empty() { b"/" } else { path };
        Ok(Self { scheme, host, a_label: None, port, path, query, is_utf8 })
    }

    /// Adds the parameters of the query.
    pub fn push_query(&self, parameters: &mut Parameters, foreign: Foreign) -> Result<(), Refusal> {
        self.refuse_surrogates(self.query)?;
        parameters.push_form(self.query, "query", foreign)
    }

    /// The URL without its query: lower-case scheme and host, no default port, the path as sent.
    ///
    /// Spec: RFC 5849 section 3.4.1.2.
    pub fn base_uri(&self) -> Result<Vec<u8>, Refusal> {
        let root = self.root()?;
        self.check_path()?;
        let port = root.port.map_or_else(String::new, |port| format!(":{port}"));
        let mut out = [root.start.as_bytes(), &root.host, port.as_bytes()].concat();
        for &octet in self.path {
            if octet.is_ascii_graphic() {
                out.push(octet);
            } else {
                escape::push_escape(&mut out, octet);
            }
        }
        Ok(out)
    }

    fn root(&self) -> Result<Root<'_>, Refusal> {
        let (start, escaped_start, default_port) = if self.scheme.eq_ignore_ascii_case(b"https") {
            ("https://", "https%3A%2F%2F", 443)
        } else if self.scheme.eq_ignore_ascii_case(b"http") {
            ("http://", "http%3A%2F%2F", 80)
        } else {
            return Err(self.refused(BAD_SCHEME));
        };
        let host = self.a_label.map_or(self.host, str::as_bytes);
        let is_plain = !host.is_empty() && escape::unreserved_run(host) == host.len();
        if !is_plain && self.a_label.is_none() && !is_ip_literal(host) && !is_host(host) {
            return Err(self.refused(BAD_HOST));
        }
        let is_lower = self.a_label.is_some() || (is_plain && !escape::has_upper(host));
        let host = if is_lower { Cow::Borrowed(host) } else { Cow::Owned(host.to_ascii_lowercase()) };
        Ok(Root { start, escaped_start, host, is_plain, port: self.port.filter(|&port| port != default_port) })
    }

    fn check_path(&self) -> Result<(), Refusal> {
        self.refuse_surrogates(self.path)
    }

    /// Writes the path, escaped; what no request target can hold was escaped before it was sent.
    fn push_path(&self, out: &mut Vec<u8>) {
        escape::push_runs(out, self.path, |out, octet| {
            if octet.is_ascii_graphic() {
                escape::push_escape(out, octet);
            } else {
                escape::push_double_escape(out, octet);
            }
        });
    }

    fn refuse_surrogates(&self, part: &[u8]) -> Result<(), Refusal> {
        if self.is_utf8 || std::str::from_utf8(part).is_ok() { Ok(()) } else { Err(Refusal::LoneSurrogate) }
    }

    fn refused(&self, reason: &'static str) -> Refusal {
        let url = [&self.scheme.to_ascii_lowercase(), &b"://"[..], self.host].concat();
        Refusal::InvalidUrl { url, reason }
    }
}

impl Root<'_> {
    fn push_escaped(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.escaped_start.as_bytes());
        if self.is_plain {
            out.extend_from_slice(&self.host);
        } else {
            escape::push_once(out, &self.host);
        }
        if let Some(port) = self.port {
            out.extend_from_slice(format!("%3A{port}").as_bytes());
        }
    }
}

impl<'a> Address<'a> {
    /// The parts of the URL.
    pub fn parse(&self) -> Result<Url<'a>, Refusal> {
        match self {
            Self::Text(url) => Url::parse(url, true),
            Self::Parts(url) => Ok(*url),
        }
    }

    /// Whether a request to it goes through TLS.
    pub fn is_https(&self) -> bool {
        let scheme = match self {
            Self::Text(url) => split_scheme(url).map(|(scheme, _)| scheme),
            Self::Parts(url) => Some(url.scheme),
        };
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https"))
    }

    /// How many octets the query has at most.
    pub fn query_bound(&self) -> usize {
        match self {
            Self::Text(url) => url.len(),
            Self::Parts(url) => url.query.len(),
        }
    }
}

impl Target {
    /// The query of a request to this target; `None` for any other request.
    pub fn query<'a>(&self, method: Option<&[u8]>, address: &Address<'a>) -> Option<&'a [u8]> {
        let Address::Text(url) = address else { return None };
        if self.url.is_empty() || method != Some(&self.method) {
            return None;
        }
        match url.strip_prefix(self.url.as_slice())? {
            [] => Some(b""),
            [b'?', query @ ..] => (!escape::contains(query, b'#')).then_some(query),
            _ => None,
        }
    }

    /// The query of a request, whose target this becomes.
    pub fn turn_to<'a>(&mut self, method: &[u8], address: &Address<'a>) -> Result<&'a [u8], Refusal> {
        if let Some(query) = self.query(Some(method), address) {
            return Ok(query);
        }
        let url = address.parse()?;
        url.refuse_surrogates(url.query)?;
        self.set(Some(method), address, &url)?;
        Ok(url.query)
    }

    /// Makes this the target of another request.
    pub fn set(&mut self, method: Option<&[u8]>, address: &Address<'_>, url: &Url<'_>) -> Result<(), Refusal> {
        self.url.clear();
        self.text.clear();
        write_target(&mut self.text, method, url)?;
        if let (Some(method), Address::Text(text)) = (method, address) {
            self.method.clear();
            self.method.extend_from_slice(method);
            let end = Reserved::of(text).find(|&place| matches!(text[place], b'?' | b'#')).unwrap_or(text.len());
            self.url.extend_from_slice(&text[..end]);
        }
        Ok(())
    }

    /// How much room it has taken.
    pub fn capacity(&self) -> usize {
        self.url.capacity().max(self.text.capacity())
    }

    /// Writes the base string of a request to this target over what stands in `out`.
    pub fn write(&self, out: &mut Vec<u8>, parameters: &mut Parameters) {
        out.clear();
        out.reserve(self.text.len() + parameters.sorted_len());
        out.extend_from_slice(&self.text);
        parameters.write_sorted(out);
    }
}

/// Writes the base string of a request over what stands in `out`. `method` of `None` is one that is not text.
pub fn write(
    out: &mut Vec<u8>,
    method: Option<&[u8]>,
    url: &Url<'_>,
    parameters: &mut Parameters,
) -> Result<(), Refusal> {
    out.clear();
    write_target(out, method, url)?;
    out.reserve(parameters.sorted_len());
    parameters.write_sorted(out);
    Ok(())
}

/// Writes what stands before the parameters.
fn write_target(out: &mut Vec<u8>, method: Option<&[u8]>, url: &Url<'_>) -> Result<(), Refusal> {
    let root = url.root()?;
    url.check_path()?;
    let method = method.ok_or(Refusal::MethodIsNotText)?;
    let is_upper = !method.is_empty() && method.iter().all(u8::is_ascii_uppercase);
    if !is_upper && !is_token(method) {
        return Err(Refusal::InvalidMethod(method.to_vec()));
    }
    let longest_uri = 3 * (root.host.len() + 16) + 5 * url.path.len();
    out.reserve(3 * method.len() + longest_uri);
    if is_upper {
        out.extend_from_slice(method);
    } else {
        for octet in method {
            escape::push_octet(out, octet.to_ascii_uppercase());
        }
    }
    out.push(b'&');
    root.push_escaped(out);
    url.push_path(out);
    out.push(b'&');
    Ok(())
}

fn split_scheme(url: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some(rest) = url.strip_prefix(b"https://") {
        return Some((b"https", rest));
    }
    let end = url.iter().position(|&octet| !(octet.is_ascii_alphanumeric() || b"+.-".contains(&octet)))?;
    let (scheme, rest) = url.split_at(end);
    let rest = rest.strip_prefix(b"://")?;
    scheme.first()?.is_ascii_alphabetic().then_some((scheme, rest))
}

/// The host and the port, without user information.
fn split_authority(authority: &[u8]) -> (&[u8], &[u8]) {
    if escape::unreserved_run(authority) == authority.len() {
        return (authority, b"");
    }
    let authority = authority.rsplit(|&octet| octet == b'@').next().unwrap_or(authority);
    match authority.iter().rposition(|&octet| octet == b':') {
        Some(at) if !authority[at..].contains(&b']') => (&authority[..at], &authority[at + 1..]),
        _ => (authority, b""),
    }
}

/// The authority, the path and the query of what follows the scheme.
fn split_rest(rest: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let mut authority = None;
    let mut end = rest.len();
    let mut query = &b""[..];
    for place in Reserved::of(rest) {
        match rest[place] {
            b'/' => authority = authority.or(Some(place)),
            b'?' => {
                end = place;
                query = &rest[place + 1..];
                if query.contains(&b'#') {
                    query = query.split(|&octet| octet == b'#').next().unwrap_or_default();
                }
                break;
            }
            b'#' => {
                end = place;
                break;
            }
            _ => {}
        }
    }
    let authority = authority.unwrap_or(end);
    (&rest[..authority], &rest[authority..end], query)
}

fn parse_port(digits: &[u8]) -> Option<u32> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let port = digits.iter().fold(0u32, |port, digit| port.saturating_mul(10).saturating_add(u32::from(digit - b'0')));
    (port <= 65535).then_some(port)
}

fn is_host(host: &[u8]) -> bool {
    !host.is_empty() && host.iter().all(|&octet| escape::is_unreserved(octet) || b"!$&'()*+,;=%".contains(&octet))
}

fn is_ip_literal(host: &[u8]) -> bool {
    match host {
        [b'[', address @ .., b']'] => {
            !address.is_empty()
                && address.iter().all(|&octet| octet.is_ascii_alphanumeric() || b":.%_~-".contains(&octet))
        }
        _ => false,
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&octet| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(method: Option<&[u8]>, url: &Url<'_>, parameters: &mut Parameters) -> Result<Vec<u8>, Refusal> {
        let mut out = b"a former one".to_vec();
        write(&mut out, method, url, parameters).map(|()| out)
    }

    fn base_uri(url: &str) -> Result<String, Refusal> {
        Url::parse(url.as_bytes(), true)?.base_uri().map(|uri| String::from_utf8(uri).unwrap())
    }

    fn reason(url: &str) -> &'static str {
        match base_uri(url) {
            Err(Refusal::InvalidUrl { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn which_requests_go_through_tls() {
        for (text, expected) in [
            ("https://h/", true),
            ("HTTPS://h/", true),
            ("http://h/", false),
            ("http://https://h/", false),
            ("httpss://h/", false),
            ("https:h", false),
            ("", false),
        ] {
            assert_eq!(Address::Text(text.as_bytes()).is_https(), expected, "{text}");
            if let Ok(url) = Url::parse(text.as_bytes(), true) {
                assert_eq!(Address::Parts(url).is_https(), expected, "{text}");
            }
        }
    }

    #[test]
    fn scheme_and_host_are_in_lower_case_and_the_path_stays() {
        assert_eq!(base_uri("HTTP://EXAMPLE.COM:80/r%20v/X;y//?id=123#f").unwrap(), "http://example.com/r%20v/X;y//");
    }

    #[test]
    fn only_the_default_port_of_the_scheme_goes() {
        for (url, uri) in [
            ("https://a:443", "https://a/"),
            ("https://a:00443/", "https://a/"),
            ("https://a:80/", "https://a:80/"),
            ("http://a:/", "http://a/"),
            ("http://u:p@q@a:8080/", "http://a:8080/"),
            ("http://[::1]:80/", "http://[::1]/"),
            ("http://[FE80::1%25eth0]/", "http://[fe80::1%25eth0]/"),
            ("http://a:0/", "http://a:0/"),
        ] {
            assert_eq!(base_uri(url).unwrap(), uri);
        }
    }

    #[test]
    fn octets_that_no_request_target_holds_are_escaped() {
        assert_eq!(base_uri("http://a/ü b\u{7f}%40").unwrap(), "http://a/%C3%BC%20b%7F%40");
    }

    #[test]
    fn urls_without_scheme_host_or_port_number_are_refused() {
        for url in ["", "a", "/a", "1http://a", "http:/a", "://a"] {
            assert_eq!(reason(url), NO_SCHEME, "{url}");
        }
        for url in ["http://", "http://u@/", "http://:80/", "http://?a"] {
            assert_eq!(reason(url), NO_HOST, "{url}");
        }
        for url in ["http://a:b/", "http://a:65536/", "http://a:99999999999999999999/", "http://a:+1/"] {
            assert_eq!(reason(url), BAD_PORT, "{url}");
        }
        assert_eq!(reason("ftp://a/"), BAD_SCHEME);
        for url in ["http://a b/", "http://[::1/", "http://[]/", "http://ü/"] {
            assert_eq!(reason(url), BAD_HOST, "{url}");
        }
    }

    #[test]
    fn lone_surrogates_are_refused_where_they_are_signed() {
        let surrogate = b"\xED\xA0\x80";
        let url = |before: &str| [before.as_bytes(), surrogate].concat();
        let path = url("http://a/");
        assert_eq!(Url::parse(&path, false).unwrap().base_uri(), Err(Refusal::LoneSurrogate));
        let query = url("http://a/?");
        let mut parameters = Parameters::default();
        let parsed = Url::parse(&query, false).unwrap();
        assert_eq!(parsed.push_query(&mut parameters, Foreign::Counted), Err(Refusal::LoneSurrogate));
        let fragment = url("http://a/#");
        assert_eq!(Url::parse(&fragment, false).unwrap().base_uri().unwrap(), b"http://a/");
    }

    #[test]
    fn the_method_is_in_upper_case_and_escaped() {
        let url = Url::parse(b"http://a/", true).unwrap();
        let mut parameters = Parameters::default();
        let text = build(Some(b"m-se!arch"), &url, &mut parameters).unwrap();
        assert_eq!(text, b"M-SE%21ARCH&http%3A%2F%2Fa%2F&");
        assert_eq!(build(Some(b"GE T"), &url, &mut parameters), Err(Refusal::InvalidMethod(b"GE T".to_vec())));
        assert_eq!(build(None, &url, &mut parameters), Err(Refusal::MethodIsNotText));
    }

    #[test]
    fn the_path_is_escaped_as_it_was_sent() {
        let url = Url::parse("http://a/%40!ü".as_bytes(), true).unwrap();
        let text = build(Some(b"GET"), &url, &mut Parameters::default()).unwrap();
        assert_eq!(text, b"GET&http%3A%2F%2Fa%2F%2540%21%25C3%25BC&");
    }
}
