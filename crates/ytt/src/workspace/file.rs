//! Files as values: a path, contents, and what is to be done with them.
//!
//! Source: ytt pkg/files/file.go.

use std::cell::Cell;
use std::sync::Arc;

use crate::inline::Prepared;

/// What a file contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileType {
    /// YAML.
    Yaml,
    /// Text.
    Text,
    /// Code.
    Starlark,
    /// Anything else; only `data.read` and `data.list` see it.
    Other,
}

/// A file that takes part in a run.
#[derive(Debug, Clone)]
pub struct File {
    original_path: String,
    path: String,
    description: String,
    contents: Result<Arc<[u8]>, Arc<str>>,
    marked_type: Option<FileType>,
    marked_template: Option<bool>,
    /// Changed during a run: files of data values and schemas are not for output.
    for_output: Cell<Option<bool>>,
    order: usize,
    /// The translation of the file, if the caller keeps it from run to run.
    pub(crate) prepared: Option<Arc<Prepared>>,
}

impl File {
    /// A file with a path relative to the directory that was given.
    pub fn new(path: impl Into<String>, contents: impl Into<Vec<u8>>) -> Self {
        let path = path.into();
        Self {
            original_path: path.clone(),
            description: path.clone(),
            path,
            contents: Ok(Arc::from(contents.into())),
            marked_type: None,
            marked_template: None,
            for_output: Cell::new(None),
            order: 0,
            prepared: None,
        }
    }

    /// A file whose contents are shared with others.
    pub(crate) fn shared(path: &str, contents: &Arc<[u8]>) -> Self {
        Self {
            contents: Ok(Arc::clone(contents)),
            ..Self::new(path, Vec::new())
        }
    }

    /// A file as reading it went: whoever needs the contents of one that cannot be read fails with
    /// this message.
    pub fn read(path: impl Into<String>, contents: Result<Vec<u8>, String>) -> Self {
        Self {
            contents: contents.map(Arc::from).map_err(Arc::from),
            ..Self::new(path, Vec::new())
        }
    }

    /// How messages call the file, where that is not its path.
    #[must_use]
    pub fn described(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// The path, which marks may have changed.
    pub fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn original_path(&self) -> &str {
        &self.original_path
    }

    pub(crate) fn description(&self) -> &str {
        &self.description
    }

    /// The contents.
    ///
    /// # Errors
    /// When the file could not be read.
    pub fn contents(&self) -> Result<&[u8], String> {
        match &self.contents {
            Ok(contents) => Ok(contents),
            Err(problem) => Err(problem.to_string()),
        }
    }

    /// Gives the file another path.
    pub fn mark_path(&mut self, path: impl Into<String>) {
        self.path = path.into();
    }

    /// Says what the file contains, and whether it is a template.
    pub fn mark_type(&mut self, file_type: FileType, template: bool) {
        self.marked_type = Some(file_type);
        self.marked_template = Some(template);
    }

    /// Says whether the file's result is part of the output.
    pub fn mark_for_output(&self, for_output: bool) {
        self.for_output.set(Some(for_output));
    }

    pub(crate) fn set_order(&mut self, order: usize) {
        self.order = order;
    }

    pub(crate) fn order(&self) -> usize {
        self.order
    }

    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// What the file contains.
    pub fn file_type(&self) -> FileType {
        if let Some(marked) = self.marked_type {
            return marked;
        }
        let name = self.name();
        // As in the original, the ending counts even when it is the whole name.
        #[expect(
            clippy::case_sensitive_file_extension_comparisons,
            reason = "endings are compared as they are written"
        )]
        if name.ends_with(".yaml") || name.ends_with(".yml") {
            FileType::Yaml
        } else if name.ends_with(".star") {
            FileType::Starlark
        } else if name.ends_with(".txt") {
            FileType::Text
        } else {
            FileType::Other
        }
    }

    /// Whether other files may load it.
    pub fn is_library(&self) -> bool {
        let pieces: Vec<&str> = self.name().split('.').collect();
        let marked = pieces.len() > 2 && pieces[pieces.len() - 2] == "lib";
        marked || self.file_type() == FileType::Starlark
    }

    /// Whether it is a template.
    pub fn is_template(&self) -> bool {
        self.marked_template
            .unwrap_or_else(|| self.is_template_by_name())
    }

    fn is_template_by_name(&self) -> bool {
        !self.is_library() && matches!(self.file_type(), FileType::Yaml | FileType::Text)
    }

    /// Whether its result is part of the output.
    pub fn is_for_output(&self) -> bool {
        self.for_output
            .get()
            .unwrap_or_else(|| self.marked_template == Some(true) || self.is_template_by_name())
    }

    /// Whether the file was found in a directory rather than named.
    pub(crate) fn is_implied(&self) -> bool {
        self.original_path.contains('/')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_what_a_file_is() {
        for (path, file_type, library, output) in [
            ("a/b.yml", FileType::Yaml, false, true),
            ("b.lib.yaml", FileType::Yaml, true, false),
            ("b.lib.txt", FileType::Text, true, false),
            ("b.txt", FileType::Text, false, true),
            ("b.star", FileType::Starlark, true, false),
            ("b.json", FileType::Other, false, false),
            ("lib.yml", FileType::Yaml, false, true),
        ] {
            let file = File::new(path, "");
            assert_eq!(file.file_type(), file_type, "{path}");
            assert_eq!(file.is_library(), library, "{path}");
            assert_eq!(file.is_for_output(), output, "{path}");
        }
    }
}
