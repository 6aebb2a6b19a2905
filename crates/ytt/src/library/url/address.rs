//! URLs, taken apart and put together.
//!
//! Source: Go 1.26 net/url, `parse` and `String`; the release of ytt is built with it.

use super::escape::{Mode, escape, must_escape, unescape};
use crate::library::ip::parse_address;
use crate::star::quote;

/// A URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Url {
    scheme: Vec<u8>,
    /// What follows the scheme of a URL without slashes.
    opaque: Vec<u8>,
    pub(super) user: Option<User>,
    host: Vec<u8>,
    path: Vec<u8>,
    /// The path as it was written, if escaping gives another one.
    raw_path: Vec<u8>,
    query: Vec<u8>,
    /// Whether there is a question mark although the query is empty.
    empty_query: bool,
    fragment: Vec<u8>,
    raw_fragment: Vec<u8>,
    /// Whether an empty host is left out.
    omit_host: bool,
}

/// Name and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: Vec<u8>,
    pub(super) password: Option<Vec<u8>>,
}

impl User {
    /// The user as it stands in a URL.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = escape(&self.name, Mode::UserPassword);
        if let Some(password) = &self.password {
            out.push(b':');
            out.extend(escape(password, Mode::UserPassword));
        }
        out
    }
}

/// The part before the first `separator`, and the part after it if there is one.
fn cut(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|byte| *byte == separator) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

impl Url {
    /// Parses a URL.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let (address, fragment) = cut(text, b'#');
        let mut url = Self::without_fragment(address)
            .map_err(|problem| format!("parse {}: {problem}", quote(address)))?;
        if let Some(fragment) = fragment.filter(|fragment| !fragment.is_empty()) {
            let plain = unescape(fragment, Mode::Fragment)
                .map_err(|problem| format!("parse {}: {problem}", quote(text)))?;
            if escape(&plain, Mode::Fragment) != fragment {
                url.raw_fragment = fragment.to_vec();
            }
            url.fragment = plain;
        }
        Ok(url)
    }

    fn without_fragment(text: &[u8]) -> Result<Self, String> {
        if text.iter().any(|byte| *byte < b' ' || *byte == 0x7f) {
            return Err("net/url: invalid control character in URL".to_owned());
        }
        let mut url = Self::default();
        if text == b"*" {
            url.path = text.to_vec();
            return Ok(url);
        }
        let (scheme, mut rest) = split_scheme(text)?;
        url.scheme = scheme.to_ascii_lowercase();
        let first = rest.iter().position(|byte| *byte == b'?');
        if first.is_some_and(|at| at + 1 == rest.len()) {
            url.empty_query = true;
            rest = &rest[..rest.len() - 1];
        } else {
            let (before, query) = cut(rest, b'?');
            rest = before;
            url.query = query.unwrap_or_default().to_vec();
        }
        if !rest.starts_with(b"/") {
            if !url.scheme.is_empty() {
                url.opaque = rest.to_vec();
                return Ok(url);
            }
            if cut(rest, b'/').0.contains(&b':') {
                return Err("first path segment in URL cannot contain colon".to_owned());
            }
        }
        let has_scheme = !url.scheme.is_empty();
        if rest.starts_with(b"//") && (has_scheme || !rest.starts_with(b"///")) {
            let after = &rest[2..];
            let end = after
                .iter()
                .position(|byte| *byte == b'/')
                .unwrap_or(after.len());
            url.authority(&after[..end])?;
            rest = &after[end..];
        } else if has_scheme && rest.starts_with(b"/") {
            url.omit_host = true;
        }
        url.path = unescape(rest, Mode::Path)?;
        if escape(&url.path, Mode::Path) != rest {
            url.raw_path = rest.to_vec();
        }
        Ok(url)
    }

    fn authority(&mut self, authority: &[u8]) -> Result<(), String> {
        let Some(at) = authority.iter().rposition(|byte| *byte == b'@') else {
            self.host = host(&self.scheme, authority)?;
            return Ok(());
        };
        self.host = host(&self.scheme, &authority[at + 1..])?;
        let user = &authority[..at];
        let allowed =
            |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(byte);
        if !user.iter().all(allowed) {
            return Err("net/url: invalid userinfo".to_owned());
        }
        let (name, password) = cut(user, b':');
        let name = unescape(name, Mode::UserPassword)?;
        let password = password
            .map(|password| unescape(password, Mode::UserPassword))
            .transpose()?;
        self.user = Some(User { name, password });
        Ok(())
    }

    /// The URL without name and password.
    pub(super) fn without_user(&self) -> Self {
        Self {
            user: None,
            ..self.clone()
        }
    }

    /// The host without its port and brackets.
    pub(super) fn hostname(&self) -> &[u8] {
        let mut host = self.host.as_slice();
        if let Some(colon) = host.iter().rposition(|byte| *byte == b':')
            && is_port(&host[colon..])
        {
            host = &host[..colon];
        }
        host.strip_prefix(b"[")
            .and_then(|host| host.strip_suffix(b"]"))
            .unwrap_or(host)
    }

    /// The URL as text.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.scheme.is_empty() {
            out.extend_from_slice(&self.scheme);
            out.push(b':');
        }
        if self.opaque.is_empty() {
            self.push_authority(&mut out);
            self.push_path(&mut out);
        } else {
            out.extend_from_slice(&self.opaque);
        }
        if self.empty_query || !self.query.is_empty() {
            out.push(b'?');
            out.extend_from_slice(&self.query);
        }
        if !self.fragment.is_empty() {
            out.push(b'#');
            out.extend(as_written(
                &self.raw_fragment,
                &self.fragment,
                Mode::Fragment,
            ));
        }
        out
    }

    fn push_authority(&self, out: &mut Vec<u8>) {
        let bare = self.host.is_empty() && self.user.is_none();
        if bare && (self.scheme.is_empty() || self.omit_host) {
            return;
        }
        if !bare || !self.path.is_empty() {
            out.extend_from_slice(b"//");
        }
        if let Some(user) = &self.user {
            out.extend(user.to_bytes());
            out.push(b'@');
        }
        out.extend(escape(&self.host, Mode::Host));
    }

    fn push_path(&self, out: &mut Vec<u8>) {
        let path = if self.path == b"*" && self.raw_path.is_empty() {
            self.path.clone()
        } else {
            as_written(&self.raw_path, &self.path, Mode::Path)
        };
        if !path.is_empty() && path[0] != b'/' && !self.host.is_empty() {
            out.push(b'/');
        }
        // Otherwise the first segment would be taken for a scheme.
        if out.is_empty() && cut(&path, b'/').0.contains(&b':') {
            out.extend_from_slice(b"./");
        }
        out.extend(path);
    }
}

/// A part as it was written, if that is well formed and still says the same; else escaped.
fn as_written(raw: &[u8], plain: &[u8], mode: Mode) -> Vec<u8> {
    let allowed = |byte: &u8| b"!$&'()*+,;=:@[]%".contains(byte) || !must_escape(*byte, mode);
    let same = || unescape(raw, mode).is_ok_and(|unescaped| unescaped == plain);
    if !raw.is_empty() && raw.iter().all(allowed) && same() {
        return raw.to_vec();
    }
    if mode == Mode::Path && plain == b"*" {
        plain.to_vec()
    } else {
        escape(plain, mode)
    }
}

/// Takes the scheme off.
fn split_scheme(text: &[u8]) -> Result<(&[u8], &[u8]), String> {
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err("missing protocol scheme".to_owned()),
            b':' => return Ok((&text[..at], &text[at + 1..])),
            _ => break,
        }
    }
    Ok((b"", text))
}

/// Whether this is empty or a colon and digits.
fn is_port(text: &[u8]) -> bool {
    match text.split_first() {
        None => true,
        Some((b':', digits)) => digits.iter().all(u8::is_ascii_digit),
        Some(_) => false,
    }
}

fn bad_port(port: &[u8]) -> String {
    format!("invalid port {} after host", quote(port))
}

fn host(scheme: &[u8], host: &[u8]) -> Result<Vec<u8>, String> {
    match host.iter().rposition(|byte| *byte == b'[') {
        Some(0) => return literal_host(host),
        Some(_) => return Err("invalid IP-literal".to_owned()),
        None => {}
    }
    if let Some(first) = host.iter().position(|byte| *byte == b':') {
        let last = host.iter().rposition(|byte| *byte == b':').unwrap_or(first);
        let strict = matches!(scheme, b"http" | b"https");
        let port = &host[if strict { first } else { last }..];
        if !is_port(port) {
            return Err(bad_port(port));
        }
    }
    unescape(host, Mode::Host)
}

/// An address in brackets.
fn literal_host(host: &[u8]) -> Result<Vec<u8>, String> {
    let Some(close) = host.iter().rposition(|byte| *byte == b']') else {
        return Err("missing ']' in host".to_owned());
    };
    let port = &host[close + 1..];
    if !is_port(port) {
        return Err(bad_port(port));
    }
    let name = &host[1..close];
    let zone = name
        .windows(3)
        .position(|escape| escape == b"%25")
        .unwrap_or(name.len());
    let mut plain = unescape(&name[..zone], Mode::Host)?;
    let address_len = plain.len();
    if zone < name.len() {
        plain.extend(unescape(&name[zone..], Mode::Zone)?);
    }
    let address = std::str::from_utf8(&plain[..address_len])
        .ok()
        .and_then(parse_address);
    match address {
        None => {
            return Err(format!(
                "invalid host: ParseAddr({}): unable to parse IP",
                quote(&plain)
            ));
        }
        Some(address) if address.is_ipv4() => return Err("invalid IP-literal".to_owned()),
        Some(_) => {}
    }
    Ok([b"[".as_slice(), &plain, b"]", port].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(text: &str) -> String {
        match Url::parse(text.as_bytes()) {
            Ok(url) => format!(
                "{} host={}",
                String::from_utf8_lossy(&url.to_bytes()),
                String::from_utf8_lossy(url.hostname())
            ),
            Err(problem) => problem,
        }
    }

    #[test]
    fn urls_are_read_and_printed_as_go_does() {
        // Expected values come from Go 1.26.
        let rows = [
            (
                "http://u:p%20w@Example.com:80/a%2fb c?q=1#f%20g",
                "http://u:p%20w@Example.com:80/a/b%20c?q=1#f%20g host=Example.com",
            ),
            ("HTTP://h", "http://h host=h"),
            ("mailto:a@b", "mailto:a@b host="),
            ("//h/p", "//h/p host=h"),
            ("///p", "///p host="),
            ("/p?", "/p? host="),
            ("a/b:c", "a/b:c host="),
            ("file:///x", "file:///x host="),
            ("x:/y", "x:/y host="),
            ("*", "* host="),
            ("http://[::1]:8080/", "http://[::1]:8080/ host=::1"),
            (
                "http://[fe80::1%25en0]/",
                "http://[fe80::1%25en0]/ host=fe80::1%en0",
            ),
            (
                "http://a b",
                "parse \"http://a b\": invalid character \" \" in host name",
            ),
            ("a:b:c", "a:b:c host="),
            (
                "1a:b",
                "parse \"1a:b\": first path segment in URL cannot contain colon",
            ),
            (":x", "parse \":x\": missing protocol scheme"),
            (
                "http://h:a",
                "parse \"http://h:a\": invalid port \":a\" after host",
            ),
            ("http://[::1", "parse \"http://[::1\": missing ']' in host"),
            (
                "http://x[::1]",
                "parse \"http://x[::1]\": invalid IP-literal",
            ),
            (
                "http://h/%zz",
                "parse \"http://h/%zz\": invalid URL escape \"%zz\"",
            ),
            (
                "h\u{1}",
                "parse \"h\\x01\": net/url: invalid control character in URL",
            ),
            (
                "http://h/#%",
                "parse \"http://h/#%\": invalid URL escape \"%\"",
            ),
            ("http://a@b@c/", "http://a%40b@c/ host=c"),
            ("http://h/a%2fb", "http://h/a%2fb host=h"),
            (
                "http://[zz]/",
                "parse \"http://[zz]/\": invalid host: ParseAddr(\"zz\"): unable to parse IP",
            ),
            (
                "http://h:1:2",
                "parse \"http://h:1:2\": invalid port \":1:2\" after host",
            ),
            ("x://h:1:2", "x://h:1:2 host=h:1"),
            (
                "http://[1.2.3.4]/",
                "parse \"http://[1.2.3.4]/\": invalid IP-literal",
            ),
            (
                "http://%41/",
                "parse \"http://%41/\": invalid URL escape \"%41\"",
            ),
            ("./a:b", "./a:b host="),
            ("http:?q", "http:?q host="),
            (
                "http://a[@c/",
                "parse \"http://a[@c/\": net/url: invalid userinfo",
            ),
        ];
        for (text, expected) in rows {
            assert_eq!(round(text), expected, "{text}");
        }
    }
}
