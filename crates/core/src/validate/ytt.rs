//! ytt texts: whether they can be read at all, and what their words tell.

use carto_ytt::inline::{Program, STDIN, Values};
use carto_ytt::{Error, ErrorKind, Limits};

use super::cursor::Cursor;
use super::expressions::{Names, position, unknown_field};
use super::{Report, Within, suggest};

/// Checks a ytt text.
pub(super) fn check(text: &Cursor<'_>, names: &Names<'_>, report: &mut Report) {
    let ytt = text.text();
    let problem = match Program::compile(STDIN, ytt) {
        Err(error) => Some(("not a ytt template", error)),
        Ok(program) => constant_failure(&program, ytt).map(|error| ("it always fails", error)),
    };
    if let Some((what, error)) = problem {
        let message = format!("{what}: {}", summary(error.message()));
        match place(error.message(), ytt) {
            Some(within) => report.error_within(text.path(), within, message),
            None => report.error(text.path(), message),
        }
    }
    tags(text, names, report);
    modules(text, report);
    if !ytt.contains("kind") {
        report.error(
            text.path(),
            "what it gives has no kind: nothing in the text says \"kind\"",
        );
    }
    for reference in references(ytt) {
        let Some((first, rest)) = reference.words.split_first() else {
            continue;
        };
        let within = position(ytt, reference.offset);
        if !names.known.contains(first) {
            let hint = suggest::hint(first, names.known.iter().copied());
            report.error_within(
                text.path(),
                within,
                format!(
                    "data.values has no \"{first}\", only {}{hint}",
                    names.known.join(", ")
                ),
            );
        } else if let Some(problem) = unknown_field(first, rest) {
            report.error_within(text.path(), within, problem);
        } else if *first == "params"
            && let Some(name) = rest.first()
            && let Some(problem) = names.misspelt_param(name)
        {
            report.warn_within(text.path(), within, problem);
        }
    }
}

/// So much is spent on a template that is not asked for yet.
const TRY: Limits = Limits {
    steps: 10_000,
    memory_bytes: 1 << 20,
    depth: 100,
    output_bytes: 1 << 20,
};

/// How a template fails that looks at no data, and so fails for everybody.
fn constant_failure(program: &Program, ytt: &str) -> Option<Error> {
    if ytt.contains("@ytt:data") || ytt.contains("@ytt:library") {
        return None;
    }
    let error = program.eval(&Values::new(), &TRY).err()?;
    (error.kind() == ErrorKind::Input).then_some(error)
}

/// What went wrong, without the excerpt of the text that follows it.
fn summary(message: &str) -> String {
    let lines: Vec<&str> = message
        .lines()
        .map(|line| line.trim().trim_start_matches("- "))
        .filter(|line| !line.is_empty())
        .take_while(|line| !line.starts_with("in ") && !is_excerpt(line))
        .collect();
    lines.join(" ")
}

fn is_excerpt(line: &str) -> bool {
    line.strip_prefix(STDIN)
        .is_some_and(|rest| rest.starts_with(':'))
}

/// The place that a message names: the first line number in it, and the first character of that
/// line that is no blank. The end of the text counts as its last line.
fn place(message: &str, ytt: &str) -> Option<Within> {
    let number = |(_, rest): (&str, &str)| {
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        rest[..end].parse::<usize>().ok()
    };
    let line = message
        .split_once(&format!("{STDIN}:"))
        .and_then(number)
        .or_else(|| message.split_once("line ").and_then(number))?;
    let line = line.clamp(1, ytt.lines().count().max(1));
    let text = ytt.lines().nth(line - 1)?;
    let column = text.chars().take_while(|c| *c == ' ').count() + 1;
    Some(Within { line, column })
}

/// `$(…)$` is not filled in in ytt texts.
fn tags(text: &Cursor<'_>, names: &Names<'_>, report: &mut Report) {
    let ytt = text.text();
    let mut from = 0;
    while let Some(at) = ytt[from..].find("$(") {
        let start = from + at;
        let inside = &ytt[start + "$(".len()..];
        let word: String = inside.chars().take_while(|c| c.is_alphanumeric()).collect();
        let closed = inside
            .find(")$")
            .is_some_and(|end| !inside[..end].contains('\n'));
        if closed && names.known.contains(&word.as_str()) {
            report.warn_within(
                text.path(),
                position(ytt, start),
                format!("$({word}…)$ is not filled in in ytt: write #@ data.values.{word}…"),
            );
        }
        from = start + "$(".len();
    }
}

/// Modules that ytt brings. Source: ytt pkg/yamltemplate, pkg/yttlibrary, version 0.52.1.
const MODULES: [&str; 18] = [
    "assert", "base64", "data", "ip", "json", "library", "math", "md5", "module", "overlay",
    "regexp", "sha256", "struct", "template", "toml", "url", "version", "yaml",
];

/// What the module `data` has.
const DATA: [&str; 3] = ["list", "read", "values"];

/// Modules that are loaded and not there, and what is asked of the module `data`.
fn modules(text: &Cursor<'_>, report: &mut Report) {
    let ytt = text.text();
    for (at, _) in ytt.match_indices("load(\"@ytt:") {
        let start = at + "load(\"@ytt:".len();
        let name = ytt[start..].split('"').next().unwrap_or_default();
        if !MODULES.contains(&name) && !name.contains('\n') {
            let hint = suggest::hint(name, MODULES);
            report.error_within(
                text.path(),
                position(ytt, start),
                format!("ytt has no module \"@ytt:{name}\"{hint}"),
            );
        }
    }
    for (at, _) in ytt.match_indices("data.") {
        let before = ytt[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/')) {
            continue;
        }
        let word: String = ytt[at + "data.".len()..]
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        // Only where the word is a slip of one that is there: text may say data. too.
        if let Some(close) = suggest::closest(&word, DATA)
            && !DATA.contains(&word.as_str())
            && in_code(ytt, at)
        {
            report.error_within(
                text.path(),
                position(ytt, at),
                format!("data has no \"{word}\"; did you mean \"{close}\"?"),
            );
        }
    }
}

/// Whether a place is behind a `#@` on its line.
fn in_code(ytt: &str, at: usize) -> bool {
    let line_start = ytt[..at].rfind('\n').map_or(0, |at| at + 1);
    ytt[line_start..at].contains("#@")
}

/// A use of `data.values`: the names that follow, and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    pub(super) offset: usize,
    pub(super) words: Vec<&'a str>,
}

/// Finds what a ytt text takes out of `data.values`.
///
/// Shape: `data.values.a.b` and `data.values["a"].b` give the words `a` and `b`; what is computed
/// ends the chain. Comments (`#!`) are left out.
pub(super) fn references(ytt: &str) -> Vec<Reference<'_>> {
    const VALUES: &str = "data.values";
    let mut found = Vec::new();
    let mut line_start = 0;
    for line in ytt.split_inclusive('\n') {
        let comment = line.find("#!").unwrap_or(line.len());
        let code = &line[..comment];
        let mut from = 0;
        while let Some(at) = code[from..].find(VALUES) {
            let start = from + at;
            let end = start + VALUES.len();
            let joined = code[..start]
                .chars()
                .next_back()
                .is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.');
            if !joined {
                found.push(Reference {
                    offset: line_start + start,
                    words: chain(&code[end..]),
                });
            }
            from = end;
        }
        line_start += line.len();
    }
    found.retain(|reference| !reference.words.is_empty());
    found
}

fn chain(mut rest: &str) -> Vec<&str> {
    let mut words = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after
                .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(after.len());
            // A call is a method of the struct, not a name in it.
            if end == 0 || after[end..].starts_with('(') {
                return words;
            }
            words.push(&after[..end]);
            rest = &after[end..];
        } else if let Some((word, after)) = quoted_index(rest) {
            words.push(word);
            rest = after;
        } else {
            return words;
        }
    }
}

fn quoted_index(rest: &str) -> Option<(&str, &str)> {
    let inside = rest.strip_prefix('[')?.trim_start();
    let quote = inside.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (word, after) = inside[1..].split_once(quote)?;
    Some((word, after.trim_start().strip_prefix(']')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_of_data_values_are_found() {
        let text = "a: #@ data.values.params[\"x/y\"].z\n#! data.values.no\nb: #@ [data.values.source.url, data.values['image']]\nc: #@ mydata.values.a\nd: #@ data.values.params[key]\ne: #@ data.values.config.get(\"a\")\n";
        let words: Vec<_> = references(text)
            .into_iter()
            .map(|one| one.words.join(" "))
            .collect();
        assert_eq!(
            words,
            ["params x/y z", "source url", "image", "params", "config"]
        );
        assert_eq!(references(text)[0].offset, 6);
    }
}
