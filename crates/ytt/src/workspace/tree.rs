//! Libraries: the tree of directories that files form.
//!
//! Source: ytt pkg/workspace/library.go.

use std::rc::Rc;

use super::file::File;

/// The directory of libraries that only `@name:` and `library.get` reach.
const PRIVATE: &str = "_ytt_lib";

/// A directory.
#[derive(Debug, Default)]
pub(crate) struct Library {
    name: String,
    children: Vec<Rc<Library>>,
    files: Vec<Rc<File>>,
}

/// A file, the directory it is in, and its path from where the search began.
#[derive(Debug, Clone)]
pub(crate) struct FileInLibrary {
    pub(crate) file: Rc<File>,
    pub(crate) library: Rc<Library>,
    pub(crate) path: String,
}

/// A directory while the tree is built.
#[derive(Default)]
struct Growing {
    name: String,
    children: Vec<Growing>,
    files: Vec<File>,
}

impl Growing {
    fn freeze(self) -> Rc<Library> {
        Rc::new(Library {
            name: self.name,
            children: self.children.into_iter().map(Self::freeze).collect(),
            files: self.files.into_iter().map(Rc::new).collect(),
        })
    }
}

impl Library {
    /// The tree of these files.
    pub(crate) fn root(files: Vec<File>) -> Rc<Self> {
        let mut root = Growing::default();
        for file in files {
            let path = file.path().to_owned();
            let (directories, _) = split_path(&path);
            let mut current = &mut root;
            for name in directories {
                let known = current.children.iter().position(|child| child.name == name);
                let index = known.unwrap_or_else(|| {
                    let child = Growing {
                        name: name.to_owned(),
                        ..Growing::default()
                    };
                    current.children.push(child);
                    current.children.len() - 1
                });
                current = &mut current.children[index];
            }
            current.files.push(file);
        }
        root.freeze()
    }

    fn is_private(&self) -> bool {
        self.name == PRIVATE
    }

    fn child(&self, name: &str) -> Option<&Rc<Self>> {
        self.children.iter().find(|child| child.name == name)
    }

    /// A library below `_ytt_lib`.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn private_library(&self, path: &str) -> Result<Rc<Self>, String> {
        let Some(private) = self.child(PRIVATE) else {
            return Err(format!(
                "Could not find private library (directory '{PRIVATE}' missing?)"
            ));
        };
        let mut current = private;
        let pieces: Vec<&str> = path.split('/').collect();
        for (index, piece) in pieces.iter().enumerate() {
            let so_far = pieces[..index].join("/");
            let Some(found) = current.child(piece) else {
                return Err(format!(
                    "Expected to find library '{path}', but did not find '{so_far}'"
                ));
            };
            if found.is_private() {
                return Err(format!("Could not load private library '{so_far}'"));
            }
            current = found;
        }
        Ok(Rc::clone(current))
    }

    /// A directory below this one.
    ///
    /// # Errors
    /// When there is none, or it is private.
    pub(crate) fn directory(self: &Rc<Self>, path: &str) -> Result<Rc<Self>, String> {
        let pieces: Vec<&str> = path.split('/').collect();
        let mut current = self;
        for (index, piece) in pieces.iter().enumerate() {
            let Some(found) = current.child(piece) else {
                return Err(format!("Did not find '{}'", pieces[..index].join("/")));
            };
            if found.is_private() {
                return Err(format!("Encountered private library '{PRIVATE}'"));
            }
            current = found;
        }
        Ok(Rc::clone(current))
    }

    /// A file in this directory or below.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn file(self: &Rc<Self>, path: &str) -> Result<FileInLibrary, String> {
        let (directories, name) = split_path(path);
        let library = if directories.is_empty() {
            Rc::clone(self)
        } else {
            self.directory(&directories.join("/")).map_err(|problem| {
                format!("Expected to find file '{path}', but did not: {problem}")
            })?
        };
        let found = library
            .files
            .iter()
            .find(|file| split_path(file.path()).1 == name);
        match found {
            Some(file) => Ok(FileInLibrary {
                file: Rc::clone(file),
                path: name.to_owned(),
                library,
            }),
            None => Err(format!(
                "Expected to find file '{path}' \
                 (hint: only files included via -f flag are available)"
            )),
        }
    }

    /// All files that are not in private libraries: those of this directory first.
    pub(crate) fn accessible_files(self: &Rc<Self>) -> Vec<FileInLibrary> {
        let mut found = Vec::new();
        self.collect(&mut Vec::new(), &mut found);
        found
    }

    fn collect(self: &Rc<Self>, parents: &mut Vec<String>, found: &mut Vec<FileInLibrary>) {
        for file in &self.files {
            let name = split_path(file.path()).1;
            let path: String = parents
                .iter()
                .map(|parent| format!("{parent}/"))
                .collect::<String>()
                + name;
            found.push(FileInLibrary {
                file: Rc::clone(file),
                library: Rc::clone(self),
                path,
            });
        }
        for child in self.children.iter().filter(|child| !child.is_private()) {
            parents.push(child.name.clone());
            child.collect(parents, found);
            parents.pop();
        }
    }
}

/// The directories of a path and its last part.
fn split_path(path: &str) -> (Vec<&str>, &str) {
    let mut pieces: Vec<&str> = path.split('/').collect();
    let name = pieces.pop().unwrap_or_default();
    (pieces, name)
}

/// Sorts files as they were given.
pub(crate) fn sort(files: &mut [FileInLibrary]) {
    files.sort_by_key(|file| file.file.order());
}
