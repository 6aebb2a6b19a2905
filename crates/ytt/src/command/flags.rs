//! The flags of the command, and setting them from text.
//!
//! Source: ytt pkg/cmd/template/*.go `Set`, github.com/spf13/pflag v1.0.5.

use crate::workspace::{DataValueFlags, Format, Options, Show, SymlinkOptions};

/// Values of all flags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) files: Vec<String>,
    pub(super) bulk_in: String,
    pub(super) bulk_out: bool,
    pub(super) emptied_directory: String,
    pub(super) output_files: String,
    options: Options,
    output: Vec<String>,
    files_inspect: bool,
    values_inspect: bool,
    schema_inspect: bool,
    debug: bool,
    pub(super) help: bool,
    pub(super) version: bool,
}

/// What text a flag takes, and where it goes.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Yes or no; yes without a text.
    Bool(fn(&mut Flags) -> &mut bool),
    /// The last text counts.
    Text(fn(&mut Flags) -> &mut String),
    /// Every text counts.
    Texts(fn(&mut Flags) -> &mut Vec<String>),
    /// Every text is a list with commas.
    Lists(fn(&mut Flags) -> &mut Vec<String>),
}

/// A flag.
pub(super) struct Flag {
    pub(super) name: &'static str,
    pub(super) short: Option<char>,
    pub(super) kind: Kind,
    /// What it is for.
    pub(super) about: &'static str,
}

const fn flag(name: &'static str, kind: Kind, about: &'static str) -> Flag {
    Flag {
        name,
        short: None,
        kind,
        about,
    }
}

const fn short(short: char, name: &'static str, kind: Kind, about: &'static str) -> Flag {
    Flag {
        name,
        short: Some(short),
        kind,
        about,
    }
}

/// The flag that only the command without a name has.
pub(super) const VERSION: Flag = flag(
    "version",
    Kind::Bool(|flags| &mut flags.version),
    "Print the version",
);

/// The flag that every command has.
pub(super) const HELP: Flag = short(
    'h',
    "help",
    Kind::Bool(|flags| &mut flags.help),
    "Print this help",
);

fn values(flags: &mut Flags) -> &mut DataValueFlags {
    &mut flags.options.data_values
}

/// The flags of the template command.
pub(super) const TEMPLATE: &[Flag] = &[
    flag(
        "allow-symlink-destination",
        Kind::Lists(|flags| &mut flags.options.symlinks.allowed),
        "Path to which symbolic links may lead",
    ),
    flag(
        "bulk-in",
        Kind::Text(|flags| &mut flags.bulk_in),
        "Files as JSON",
    ),
    flag(
        "bulk-out",
        Kind::Bool(|flags| &mut flags.bulk_out),
        "Print the results as JSON",
    ),
    flag(
        "dangerous-allow-all-symlink-destinations",
        Kind::Bool(|flags| &mut flags.options.symlinks.allow_all),
        "Symbolic links may lead anywhere",
    ),
    flag(
        "dangerous-data-values-disable-validation",
        Kind::Bool(|flags| &mut flags.options.skip_validation),
        "Do not check the rules on data values",
    ),
    flag(
        "dangerous-emptied-output-directory",
        Kind::Text(|flags| &mut flags.emptied_directory),
        "Empty this directory, then write the results into it",
    ),
    short(
        'v',
        "data-value",
        Kind::Texts(|flags| &mut values(flags).texts),
        "Set a data value to a text: all.key1.subkey=text",
    ),
    flag(
        "data-value-file",
        Kind::Texts(|flags| &mut values(flags).text_files),
        "Set a data value to what a file contains: all.key1.subkey=path, URL or -",
    ),
    flag(
        "data-value-yaml",
        Kind::Texts(|flags| &mut values(flags).yaml),
        "Set a data value to a YAML value: all.key1.subkey=true",
    ),
    flag(
        "data-values-env",
        Kind::Texts(|flags| &mut values(flags).env),
        "Take texts from environment variables: PREFIX for PREFIX_all__key1=text",
    ),
    flag(
        "data-values-env-yaml",
        Kind::Texts(|flags| &mut values(flags).env_yaml),
        "Take YAML values from environment variables: PREFIX for PREFIX_all__key1=true",
    ),
    flag(
        "data-values-file",
        Kind::Texts(|flags| &mut values(flags).files),
        "Take data values from plain YAML: path, URL or -",
    ),
    flag(
        "data-values-inspect",
        Kind::Bool(|flags| &mut flags.values_inspect),
        "Print the final data values",
    ),
    flag(
        "data-values-schema-inspect",
        Kind::Bool(|flags| &mut flags.schema_inspect),
        "Print the schema of the data values (needs --output=openapi-v3)",
    ),
    flag(
        "debug",
        Kind::Bool(|flags| &mut flags.debug),
        "Accepted, and without effect",
    ),
    short(
        'f',
        "file",
        Kind::Texts(|flags| &mut flags.files),
        "File or directory to process: path, relative=path, URL or -",
    ),
    flag(
        "file-mark",
        Kind::Texts(|flags| &mut flags.options.file_marks),
        "Say how to treat files: path:key=value",
    ),
    flag(
        "files-inspect",
        Kind::Bool(|flags| &mut flags.files_inspect),
        "Print the paths of the files that take part",
    ),
    flag(
        "ignore-unknown-comments",
        Kind::Bool(|flags| &mut flags.options.ignore_unknown_comments),
        "Allow comments that begin neither with #@ nor with #!",
    ),
    flag(
        "implicit-map-key-overrides",
        Kind::Bool(|flags| &mut flags.options.implicit_map_key_overrides),
        "Let a repeated key take the place of the one before",
    ),
    short(
        'o',
        "output",
        Kind::Lists(|flags| &mut flags.output),
        "Print as yaml, json or pos; openapi-v3 for schemas",
    ),
    flag(
        "output-files",
        Kind::Text(|flags| &mut flags.output_files),
        "Write the results into this directory",
    ),
    short(
        's',
        "strict",
        Kind::Bool(|flags| &mut flags.options.strict),
        "Read only YAML that has one meaning",
    ),
];

impl Flags {
    pub(super) fn symlinks(&self) -> SymlinkOptions {
        self.options.symlinks.clone()
    }

    /// Options of a run.
    ///
    /// # Errors
    /// An output type that is not known.
    pub(super) fn options(&self) -> Result<Options, String> {
        let mut options = self.options.clone();
        options.show = match self {
            Self {
                files_inspect: true,
                ..
            } => Show::Files,
            Self {
                schema_inspect: true,
                ..
            } => Show::Schema,
            Self {
                values_inspect: true,
                ..
            } => Show::DataValues,
            _ => Show::Results,
        };
        let mut format = None;
        for output in &self.output {
            let named = match output.as_str() {
                "yaml" => Format::Yaml,
                "json" => Format::Json,
                "pos" => Format::Positions,
                "openapi-v3" => {
                    options.openapi = true;
                    continue;
                }
                _ => return Err(format!("Unknown output type '{output}'")),
            };
            format.get_or_insert(named);
        }
        options.format = format.unwrap_or_default();
        Ok(options)
    }
}

impl Flag {
    /// Whether it is complete without a text.
    pub(super) fn is_bool(&self) -> bool {
        matches!(self.kind, Kind::Bool(_))
    }

    /// Sets the flag.
    ///
    /// # Errors
    /// A text that the flag does not take.
    pub(super) fn set(&self, flags: &mut Flags, text: &str) -> Result<(), String> {
        match self.kind {
            Kind::Bool(place) => {
                *place(flags) = parse_bool(text).ok_or_else(|| {
                    let problem = format!("strconv.ParseBool: parsing {text:?}: invalid syntax");
                    self.invalid(text, &problem)
                })?;
            }
            Kind::Text(place) => text.clone_into(place(flags)),
            Kind::Texts(place) => place(flags).push(text.to_owned()),
            Kind::Lists(place) => {
                let items = split_list(text).map_err(|problem| self.invalid(text, problem))?;
                place(flags).extend(items);
            }
        }
        Ok(())
    }

    fn invalid(&self, text: &str, problem: &str) -> String {
        let name = match self.short {
            Some(short) => format!("-{short}, --{}", self.name),
            None => format!("--{}", self.name),
        };
        format!("invalid argument {text:?} for {name:?} flag: {problem}")
    }
}

fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// One line of comma separated values, in which an item may stand in quotes.
///
/// Source: Go encoding/csv.
fn split_list(text: &str) -> Result<Vec<String>, &'static str> {
    let line = text.split(['\r', '\n']).next().unwrap_or_default();
    if line.is_empty() {
        return Ok(Vec::new());
    }
    let mut items = Vec::new();
    let mut rest = line;
    loop {
        let (item, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_item(quoted)?,
            None => {
                let (item, after) = match rest.split_once(',') {
                    Some((item, after)) => (item, Some(after)),
                    None => (rest, None),
                };
                if item.contains('"') {
                    return Err("parse error: bare \" in non-quoted-field");
                }
                (item.to_owned(), after)
            }
        };
        items.push(item);
        match after {
            Some(after) => rest = after,
            None => return Ok(items),
        }
    }
}

fn quoted_item(quoted: &str) -> Result<(String, Option<&str>), &'static str> {
    let mut item = String::new();
    let mut rest = quoted;
    loop {
        let Some((before, after)) = rest.split_once('"') else {
            return Err("parse error: extraneous or missing \" in quoted-field");
        };
        item.push_str(before);
        if let Some(after) = after.strip_prefix('"') {
            item.push('"');
            rest = after;
        } else if after.is_empty() {
            return Ok((item, None));
        } else if let Some(after) = after.strip_prefix(',') {
            return Ok((item, Some(after)));
        } else {
            return Err("parse error: extraneous or missing \" in quoted-field");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_at_commas_outside_of_quotes() {
        let items = |text| split_list(text).map(|items| items.join("|"));
        assert_eq!(items("json,openapi-v3"), Ok("json|openapi-v3".into()));
        assert_eq!(items("a,\"b,\"\"c\",d"), Ok("a|b,\"c|d".into()));
        assert_eq!(items(""), Ok(String::new()));
        assert_eq!(items("a,"), Ok("a|".into()));
        assert!(items("a\"b").is_err());
        assert!(items("\"a").is_err());
    }

    #[test]
    fn the_first_format_counts() {
        let mut flags = Flags {
            output: vec!["openapi-v3".into(), "json".into(), "yaml".into()],
            ..Flags::default()
        };
        let options = flags.options().expect("known types");
        assert_eq!((options.format, options.openapi), (Format::Json, true));
        flags.output.push("xml".into());
        assert_eq!(flags.options(), Err("Unknown output type 'xml'".into()));
    }
}
