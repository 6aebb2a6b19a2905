//! The text that a program is made of, line by line, and where each line came from.
//!
//! A template is translated into lines of code; some of them stand for a line that the user
//! wrote, others are generated. Errors name the user's line, or show the generated one between
//! its closest neighbours. Source: ytt pkg/template/source.go, compiled_template.go.

use std::sync::Arc;

/// A file as the engine reads it: its name and its lines of code.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// Name that positions carry, for example `stdin.yml`.
    pub name: Arc<str>,
    /// Lines of code, the first one being line 1.
    pub lines: Vec<Line>,
}

/// One line of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The code, shown in errors when the line is generated.
    pub code: String,
    /// The line the user wrote; absent for generated lines.
    pub origin: Option<Origin>,
}

/// A line that the user wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Name of the file.
    pub file: Arc<str>,
    /// Line number, counted from one.
    pub line: u32,
    /// Text of that line.
    pub text: Arc<str>,
    /// The part that errors show instead of the whole line: code inside a templated string.
    pub selection: Option<Box<Origin>>,
}

impl Origin {
    /// Describes line `line` of `file`, which reads `text`.
    pub fn new(file: impl Into<Arc<str>>, line: u32, text: impl Into<Arc<str>>) -> Self {
        Self {
            file: file.into(),
            line,
            text: text.into(),
            selection: None,
        }
    }
}

impl Line {
    /// A line that stands for a line of the user.
    pub fn written(code: impl Into<String>, origin: Origin) -> Self {
        Self {
            code: code.into(),
            origin: Some(origin),
        }
    }

    /// A line that the compiler made up.
    pub fn generated(code: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            origin: None,
        }
    }
}

impl Source {
    /// Puts lines together under a name.
    pub fn new(name: impl Into<Arc<str>>, lines: Vec<Line>) -> Self {
        Self {
            name: name.into(),
            lines,
        }
    }

    /// Reads a file that is code from beginning to end.
    pub fn of_code(name: impl Into<Arc<str>>, text: &str) -> Self {
        let name = name.into();
        Self::shown_as(Arc::clone(&name), name, text)
    }

    /// Reads a file `*.star`, whose positions show no name in the original.
    pub fn of_star_file(name: impl Into<Arc<str>>, text: &str) -> Self {
        Self::shown_as(name.into(), Arc::from(""), text)
    }

    fn shown_as(name: Arc<str>, shown: Arc<str>, text: &str) -> Self {
        let lines = (1u32..)
            .zip(text.split('\n'))
            .map(|(number, line)| {
                Line::written(line, Origin::new(Arc::clone(&shown), number, line))
            })
            .collect();
        Self { name, lines }
    }

    /// The text that is parsed: leading blanks of a line fall away unless the line before it ends
    /// in a backslash.
    ///
    /// Source: ytt pkg/template/compiled_template.go, `CodeAsString`.
    pub fn text(&self) -> String {
        let size = self.lines.iter().map(|line| line.code.len() + 1).sum();
        let mut text = String::with_capacity(size);
        let mut continued = false;
        for (index, line) in self.lines.iter().enumerate() {
            if index > 0 {
                text.push('\n');
            }
            let code = if continued {
                line.code.as_str()
            } else {
                line.code.trim_start()
            };
            continued = code.ends_with('\\');
            text.push_str(code);
        }
        text
    }

    /// Line `number`, counted from one.
    pub fn line(&self, number: u32) -> Option<&Line> {
        self.lines
            .get(usize::try_from(number).ok()?.checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_blanks_fall_away_except_after_a_backslash() {
        let source = Source::of_code("f", "  a = 1 + \\\n   2\n\t b");
        assert_eq!(source.text(), "a = 1 + \\\n   2\nb");
    }

    #[test]
    fn lines_are_counted_from_one() {
        let source = Source::of_code("f", "a\nb");
        assert_eq!(source.line(2).map(|line| line.code.as_str()), Some("b"));
        assert_eq!(source.line(0), None);
        assert_eq!(source.line(3), None);
    }
}
