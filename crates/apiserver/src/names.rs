//! The grammars of names, with the texts of their violations.
//!
//! Source: apimachinery `pkg/util/validation/validation.go` and `pkg/api/validation/generic.go`,
//! v1.36. An empty list means that the name is fine.

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const QUALIFIED: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

fn too_long(max: usize) -> String {
    format!("must be no more than {max} bytes")
}

fn edge(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit()
}

fn is_label(s: &str) -> bool {
    let b = s.as_bytes();
    matches!((b.first(), b.last()), (Some(f), Some(l)) if edge(*f) && edge(*l))
        && b.iter().all(|c| edge(*c) || *c == b'-')
}

/// A label of a domain name: namespaces, many sub-names.
pub(crate) fn dns1123_label(name: &str) -> Vec<String> {
    let mut problems = vec![];
    if name.len() > 63 {
        problems.push(too_long(63));
    }
    if !is_label(name) {
        let is_subdomain = !name.is_empty() && name.split('.').all(is_label);
        problems.push(if is_subdomain {
            "must not contain dots".to_owned()
        } else {
            format!(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or \
                 '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or \
                 '123-abc', regex used for validation is '{LABEL}')"
            )
        });
    }
    problems
}

/// A domain name: most objects.
pub(crate) fn dns1123_subdomain(name: &str) -> Vec<String> {
    let mut problems = vec![];
    if name.len() > 253 {
        problems.push(too_long(253));
    }
    if name.is_empty() || !name.split('.').all(is_label) {
        problems.push(format!(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' \
             or '.', and must start and end with an alphanumeric character (e.g. 'example.com', \
             regex used for validation is '{LABEL}(\\.{LABEL})*')"
        ));
    }
    problems
}

/// A label of a domain name that begins with a letter: services.
pub(crate) fn dns1035_label(name: &str) -> Vec<String> {
    let mut problems = vec![];
    if name.len() > 63 {
        problems.push(too_long(63));
    }
    if !is_label(name) || !name.as_bytes()[0].is_ascii_lowercase() {
        problems.push(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start \
             with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name', \
             \u{20}or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
                .to_owned(),
        );
    }
    problems
}

/// A segment of a path: roles and bindings, whose names may hold colons and capitals.
pub(crate) fn path_segment(name: &str) -> Vec<String> {
    if name == "." || name == ".." {
        return vec![format!("may not be '{name}'")];
    }
    ["/", "%"]
        .into_iter()
        .filter(|c| name.contains(c))
        .map(|c| format!("may not contain '{c}'"))
        .collect()
}

fn is_qualified_part(s: &str) -> bool {
    let b = s.as_bytes();
    matches!((b.first(), b.last()), (Some(f), Some(l)) if f.is_ascii_alphanumeric() && l.is_ascii_alphanumeric())
        && b.iter()
            .all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(c))
}

/// The key of a label or an annotation, or the name of a finalizer.
pub(crate) fn qualified_name(name: &str) -> Vec<String> {
    let mut problems = vec![];
    let (prefix, part) = match name.split_once('/') {
        None => (None, name),
        Some((_, rest)) if rest.contains('/') => {
            return vec![format!(
                "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and \
                 must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name', \
                 \u{20}or '123-abc', regex used for validation is '{QUALIFIED}') with an optional \
                 DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
        Some((prefix, part)) => (Some(prefix), part),
    };
    if let Some(prefix) = prefix {
        if prefix.is_empty() {
            problems.push("prefix part must be non-empty".to_owned());
        } else {
            problems.extend(
                dns1123_subdomain(prefix)
                    .into_iter()
                    .map(|p| format!("prefix part {p}")),
            );
        }
    }
    if part.is_empty() {
        problems.push("name part must be non-empty".to_owned());
    } else if part.len() > 63 {
        problems.push(format!("name part {}", too_long(63)));
    }
    if !is_qualified_part(part) {
        problems.push(format!(
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and \
             end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex \
             used for validation is '{QUALIFIED}')"
        ));
    }
    problems
}

/// The value of a label.
pub(crate) fn label_value(value: &str) -> Vec<String> {
    let mut problems = vec![];
    if value.len() > 63 {
        problems.push(too_long(63));
    }
    if !value.is_empty() && !is_qualified_part(value) {
        problems.push(format!(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' \
             or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or \
             'my_value',  or '12345', regex used for validation is '({QUALIFIED})?')"
        ));
    }
    problems
}

/// What begins a name that leads out of a folder.
fn leads_upwards(value: &str) -> Option<String> {
    match value {
        "." | ".." => Some(format!("must not be '{value}'")),
        _ if value.starts_with("..") => Some("must not start with '..'".to_owned()),
        _ => None,
    }
}

/// A key of a `ConfigMap` or a `Secret`.
pub(crate) fn config_map_key(key: &str) -> Vec<String> {
    let mut problems = vec![];
    if key.len() > 253 {
        problems.push("must be no more than 253 characters".to_owned());
    }
    let is_char = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if key.is_empty() || !key.bytes().all(is_char) {
        problems.push(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. \
             'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is \
             '[-._a-zA-Z0-9]+')"
                .to_owned(),
        );
    }
    problems.extend(leads_upwards(key));
    problems
}

/// The name of a port.
pub(crate) fn port_name(name: &str) -> Vec<String> {
    let mut problems = vec![];
    let mut check = |fails: bool, problem: &str| {
        if fails {
            problems.push(problem.to_owned());
        }
    };
    let is_char = |byte: u8| edge(byte) || byte == b'-';
    check(name.len() > 15, "must be no more than 15 characters");
    check(
        name.is_empty() || !name.bytes().all(is_char),
        "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
    );
    check(
        !name.bytes().any(|byte| byte.is_ascii_lowercase()),
        "must contain at least one letter (a-z)",
    );
    check(name.contains("--"), "must not contain consecutive hyphens");
    check(
        name.starts_with('-') || name.ends_with('-'),
        "must not begin or end with a hyphen",
    );
    problems
}

/// The name of an environment variable.
pub(crate) fn environment_variable(name: &str) -> Vec<String> {
    let mut problems = vec![];
    if name.is_empty() {
        problems.push("environment variable name must be non-empty".to_owned());
    }
    let is_char = |c: char| (' '..='~').contains(&c) && c != '=';
    if !name.chars().all(is_char) {
        problems.push(
            "a valid environment variable name must consist only of printable ASCII characters \
             other than '='"
                .to_owned(),
        );
    }
    problems
}

/// The name of a header of HTTP.
pub(crate) fn http_header(name: &str) -> Vec<String> {
    let is_char = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if !name.is_empty() && name.bytes().all(is_char) {
        return vec![];
    }
    vec![
        "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', \
         regex used for validation is '[-A-Za-z0-9]+')"
            .to_owned(),
    ]
}

/// A domain name whose labels may hold underscores: search paths.
pub(crate) fn subdomain_with_underscores(name: &str) -> Vec<String> {
    const LABEL: &str = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
    let is_part = |part: &str| {
        let part = part.strip_prefix('_').unwrap_or(part);
        is_label(&part.replace('_', "-"))
    };
    let mut problems = vec![];
    if name.len() > 253 {
        problems.push(too_long(253));
    }
    if !name.split('.').all(is_part) {
        problems.push(format!(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', \
             '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', \
             regex used for validation is '{LABEL}(\\.{LABEL})*')"
        ));
    }
    problems
}

/// A domain name with a star in place of its first label.
pub(crate) fn wildcard_subdomain(name: &str) -> Vec<String> {
    let mut problems = vec![];
    if name.len() > 253 {
        problems.push(too_long(253));
    }
    let rest = name.strip_prefix("*.");
    if !rest.is_some_and(|rest| rest.split('.').all(is_label)) {
        problems.push(format!(
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, \
             which must consist of lower case alphanumeric characters, '-' or '.' and end with an \
             alphanumeric character (e.g. '*.example.com', regex used for validation is \
             '\\*\\.{LABEL}(\\.{LABEL})*')"
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subdomains() {
        assert!(dns1123_subdomain("a.b-c.9").is_empty());
        assert_eq!(
            dns1123_subdomain("W_3"),
            [
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \
                 '-' or '.', and must start and end with an alphanumeric character (e.g. \
                 'example.com', regex used for validation is \
                 '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            ]
        );
        assert!(!dns1123_subdomain("").is_empty());
        assert!(!dns1123_subdomain("a..b").is_empty());
        assert_eq!(
            dns1123_subdomain(&"a".repeat(254)),
            ["must be no more than 253 bytes"]
        );
    }

    #[test]
    fn labels() {
        assert!(dns1123_label("a-9").is_empty());
        assert_eq!(dns1123_label("a.b"), ["must not contain dots"]);
        assert!(dns1035_label("9a")[0].contains("(e.g. 'my-name',  or 'abc-123', regex"));
        assert!(!dns1035_label("").is_empty());
    }

    #[test]
    fn keys_and_values_of_labels() {
        assert!(qualified_name("example.com/MyName_1").is_empty());
        assert_eq!(
            qualified_name("a b"),
            [
                "name part must consist of alphanumeric characters, '-', '_' or '.', and must start \
                 and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or \
                 '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
            ]
        );
        assert!(
            qualified_name("a/b/c")[0].contains("(e.g. 'MyName',  or 'my.name',  or '123-abc'")
        );
        assert!(label_value("").is_empty());
        assert!(label_value("-x")[0].starts_with("a valid label must be an empty string"));
    }

    #[test]
    fn path_segments() {
        assert!(path_segment("system:admin").is_empty());
        assert_eq!(
            path_segment("a/b%"),
            ["may not contain '/'", "may not contain '%'"]
        );
    }
}
