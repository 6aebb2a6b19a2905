//! ytt's tests of its command: files and flags in, output or an error out.
//!
//! The cases are read from the Go sources of the tests; a test that does more than set values and
//! compare is left out, and said to be.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, Result, anyhow, bail};
use carto_ytt::workspace::{
    DataValueFlags, EntryKind, File, Format, Host, Options, Output, Show, run,
};

use super::super::Summary;
use super::go::{self, Expr, Stmt};

const FILES: [&str; 9] = [
    "cmd_test.go",
    "cmd_data_values_test.go",
    "cmd_data_values_file_test.go",
    "cmd_library_module_test.go",
    "cmd_overlays_test.go",
    "cmd_root_library_test.go",
    "schema_author_test.go",
    "schema_consumer_test.go",
    "schema_inspect_test.go",
];

/// Runs all of them.
///
/// # Errors
/// Sources that cannot be read.
pub(super) fn run_all(dir: &Path, only: &str, summary: &mut Summary) -> Result<()> {
    for file in FILES {
        let path = format!("pkg/cmd/template/{file}");
        let source = fs::read_to_string(dir.join(&path)).with_context(|| path.clone())?;
        for test in go::tests(&source).with_context(|| path.clone())? {
            if test.name == "TestMain" {
                continue;
            }
            let name = format!("{path}:{}", test.name);
            let mut case = Case {
                only,
                summary,
                name,
                values: BTreeMap::new(),
                checks: 0,
            };
            case.body(&test.body);
        }
    }
    Ok(())
}

/// What a variable holds.
#[derive(Clone)]
enum Value {
    Text(String),
    List(Vec<Value>),
    File(Rc<RefCell<File>>),
    Options(Rc<RefCell<Flags>>),
    Fields(Vec<(String, Value)>),
    Output(Rc<Result<Output, String>>),
    Produced(String, String),
    Function(Rc<Vec<Stmt>>, BTreeMap<String, Value>),
    Unknown,
}

/// What `cmdtpl.Options` holds.
#[derive(Default)]
struct Flags {
    options: Options,
    output_types: Vec<String>,
    inspect: bool,
    inspect_schema: bool,
    given: Given,
}

/// Files and environment of the flags.
#[derive(Default, Clone)]
struct Given {
    environment: Vec<String>,
    files: BTreeMap<String, Vec<(String, String)>>,
}

/// Why a test stopped.
enum Stop {
    Failed(String),
    NotUnderstood(String),
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::NotUnderstood(error.to_string())
    }
}

struct Case<'a> {
    only: &'a str,
    summary: &'a mut Summary,
    name: String,
    values: BTreeMap<String, Value>,
    /// How many comparisons were made.
    checks: usize,
}

impl Case<'_> {
    /// Runs the statements of a test, and counts it if it compared anything.
    fn body(&mut self, statements: &[Stmt]) {
        for statement in statements {
            match self.statement(statement) {
                Ok(()) => {}
                Err(Stop::Failed(problem)) => {
                    self.count(Err(problem));
                    return;
                }
                Err(Stop::NotUnderstood(problem)) => {
                    if self.name.contains(self.only) {
                        self.summary.leave_out(&self.name, &problem);
                    }
                    return;
                }
            }
        }
        if self.checks > 0 {
            self.count(Ok(()));
        }
    }

    fn count(&mut self, result: Result<(), String>) {
        if self.name.contains(self.only) {
            self.summary.count(&self.name, result);
        }
    }

    fn statement(&mut self, statement: &Stmt) -> Result<(), Stop> {
        match statement {
            Stmt::Assign(targets, values) => {
                let value = match values.as_slice() {
                    [value] => self.value(value)?,
                    _ => return Err(anyhow!("several values").into()),
                };
                match targets.as_slice() {
                    [Expr::Name(name), ..] => {
                        self.values.insert(name.clone(), value);
                    }
                    [target] => self.set_option(target, value)?,
                    _ => return Err(anyhow!("several targets").into()),
                }
                Ok(())
            }
            Stmt::Expr(Expr::Call(function, args)) => self.call(function, args),
            Stmt::Expr(_) => Err(anyhow!("an expression as a statement").into()),
            Stmt::Return(_) | Stmt::Switch(_) => Err(anyhow!("return or switch").into()),
            Stmt::Other(word) => Err(anyhow!("`{word}` is not understood").into()),
        }
    }

    fn call(&mut self, function: &Expr, args: &[Expr]) -> Result<(), Stop> {
        let name = dotted(function);
        match (name.as_str(), args) {
            ("t.Run", [name, Expr::Func(body)]) => {
                let name = format!("{}/{}", self.name, self.text(name)?);
                let values = self.values.clone();
                let only = self.only;
                let mut case = Case {
                    only,
                    summary: self.summary,
                    name,
                    values,
                    checks: 0,
                };
                case.body(body);
                Ok(())
            }
            ("require.NoError", [_, error]) => self.no_error(error),
            ("require.Error" | "require.Errorf", [_, error, ..]) => {
                self.checks += 1;
                self.error(error).map(|_| ())
            }
            ("require.EqualError", [_, error, expected]) => {
                let (found, expected) = (self.error(error)?, self.text(expected)?);
                self.equal(&found, &expected)
            }
            ("require.Contains", [_, found, part]) => {
                let (found, part) = (self.text(found)?, self.text(part)?);
                self.contains(&found, &part)
            }
            ("assert.Equal" | "require.Equal", [_, expected, found]) => {
                let (found, expected) = (self.text(found)?, self.text(expected)?);
                self.equal(&found, &expected)
            }
            ("require.Len", [_, list, length, ..]) => {
                let (list, length) = (self.value(list)?, self.text(length)?);
                let Value::List(list) = list else {
                    return Err(anyhow!("the length of something").into());
                };
                self.equal(&list.len().to_string(), &length)
            }
            ("assertSucceeds", [_, files, expected, options]) => {
                let output = self.run(files, options)?.map_err(unexpected)?;
                let expected = self.text(expected)?;
                let [file] = output.files.as_slice() else {
                    return Err(Stop::Failed(format!("{} files", output.files.len())));
                };
                self.equal(&String::from_utf8_lossy(&file.contents), &expected)
            }
            ("assertSucceedsDocSet", [_, files, expected, options]) => {
                let output = self.run(files, options)?.map_err(unexpected)?;
                let expected = self.text(expected)?;
                self.equal(&output.text, &expected)
            }
            ("assertFails", [_, files, expected, options]) => {
                let expected = self.text(expected)?;
                match self.run(files, options)? {
                    Ok(output) => Err(Stop::Failed(format!(
                        "--- expected error\n{expected}\n--- found\n{}---",
                        output.text
                    ))),
                    Err(error) => self.contains(&error, &expected),
                }
            }
            ("assertFailsWithSchemaAndDataValues", [_, schema, values, expected]) => {
                let (schema, values) = (self.text(schema)?, self.text(values)?);
                let expected = self.text(expected)?;
                let mut flags = Flags::default();
                flags
                    .options
                    .data_values
                    .files
                    .push("values.yaml".to_owned());
                let file = ("values.yaml".to_owned(), values);
                flags
                    .given
                    .files
                    .insert("values.yaml".to_owned(), vec![file]);
                match flags.run(vec![File::new("schema.yaml", schema)]) {
                    Ok(_) => Err(Stop::Failed(format!("no error, expected {expected}"))),
                    Err(error) => self.contains(&error, &expected),
                }
            }
            ("runAndCompare", [_, files, expected]) => {
                let output = self
                    .run_with(files, &Flags::default())?
                    .map_err(unexpected)?;
                self.one_file(&output, expected)
            }
            ("runAndCompareWithOpts", [_, options, files, expected]) => {
                let output = self.run(files, options)?.map_err(unexpected)?;
                self.one_file(&output, expected)
            }
            (name, [kind]) if name.ends_with(".MarkTemplate") => {
                let Expr::Field(file, _) = function else {
                    return Err(anyhow!(name.to_owned()).into());
                };
                let (Value::File(file), Expr::Name(_)) = (self.value(file)?, kind) else {
                    return Err(anyhow!(name.to_owned()).into());
                };
                let file_type = file.borrow().file_type();
                file.borrow_mut().mark_type(file_type, false);
                Ok(())
            }
            _ => Err(anyhow!("`{name}` is not understood").into()),
        }
    }

    fn one_file(&mut self, output: &Output, expected: &Expr) -> Result<(), Stop> {
        let expected = self.text(expected)?;
        let [file] = output.files.as_slice() else {
            return Err(Stop::Failed(format!("{} files", output.files.len())));
        };
        self.equal(&file.path, "config.yml")?;
        self.equal(&String::from_utf8_lossy(&file.contents), &expected)
    }

    fn equal(&mut self, found: &str, expected: &str) -> Result<(), Stop> {
        self.checks += 1;
        super::equal(found, expected).map_err(Stop::Failed)
    }

    fn contains(&mut self, found: &str, part: &str) -> Result<(), Stop> {
        self.checks += 1;
        if found.contains(part) {
            return Ok(());
        }
        Err(Stop::Failed(format!(
            "--- expected to contain\n{part}\n--- found\n{found}\n---"
        )))
    }

    fn no_error(&mut self, error: &Expr) -> Result<(), Stop> {
        if let Expr::Field(output, _) = error
            && let Value::Output(output) = self.value(output)?
            && let Err(error) = &*output
        {
            return Err(unexpected(error.clone()));
        }
        Ok(())
    }

    fn error(&mut self, error: &Expr) -> Result<String, Stop> {
        let Expr::Field(output, _) = error else {
            return Err(anyhow!("another error").into());
        };
        match self.value(output)? {
            Value::Output(output) => match &*output {
                Err(error) => Ok(error.clone()),
                Ok(output) => Err(Stop::Failed(format!(
                    "expected an error, found\n{}",
                    output.text
                ))),
            },
            _ => Err(anyhow!("another error").into()),
        }
    }

    fn run(&mut self, files: &Expr, options: &Expr) -> Result<Result<Output, String>, Stop> {
        match self.value(options)? {
            Value::Options(flags) => self.run_with(files, &flags.borrow()),
            Value::Fields(nothing) if nothing.is_empty() => self.run_with(files, &Flags::default()),
            _ => Err(anyhow!("other options").into()),
        }
    }

    fn run_with(&mut self, files: &Expr, flags: &Flags) -> Result<Result<Output, String>, Stop> {
        let files = files_of(&self.value(files)?)?;
        Ok(flags.run(files))
    }

    fn text(&self, expr: &Expr) -> Result<String, Stop> {
        match self.value(expr)? {
            Value::Text(text) => Ok(text),
            _ => Err(anyhow!("expected a text: {expr:?}").into()),
        }
    }

    fn value(&self, expr: &Expr) -> Result<Value, Stop> {
        match expr {
            Expr::Text(text) => Ok(Value::Text(text.clone())),
            Expr::Name(name) => {
                let known = self.values.get(name).cloned();
                Ok(known.unwrap_or_else(|| match name.as_str() {
                    "true" | "false" => Value::Text(name.clone()),
                    _ => Value::Unknown,
                }))
            }
            Expr::Add(a, b) => Ok(Value::Text(self.text(a)? + &self.text(b)?)),
            Expr::Func(body) => Ok(Value::Function(Rc::new(body.clone()), self.values.clone())),
            Expr::Composite(items) => self.composite(items),
            Expr::Index(list, index) => {
                let (list, index) = (self.value(list)?, self.text(index)?);
                let Value::List(list) = list else {
                    return Err(anyhow!("an index into something").into());
                };
                let at: usize = index.parse().context("an index")?;
                let item = list.get(at).cloned();
                item.ok_or_else(|| Stop::Failed(format!("there is no item {at}")))
            }
            Expr::Field(of, name) => self.field(of, name),
            Expr::Call(function, args) => self.result(function, args),
        }
    }

    fn composite(&self, items: &[(Option<Expr>, Expr)]) -> Result<Value, Stop> {
        if items.iter().any(|(key, _)| key.is_none()) {
            let items: Result<_, Stop> = items.iter().map(|(_, item)| self.value(item)).collect();
            return Ok(Value::List(items?));
        }
        let mut fields = Vec::new();
        for (key, value) in items {
            let Some(Expr::Name(key)) = key else {
                return Err(anyhow!("a map").into());
            };
            fields.push((key.clone(), self.value(value)?));
        }
        Ok(Value::Fields(fields))
    }

    fn field(&self, of: &Expr, name: &str) -> Result<Value, Stop> {
        match (self.value(of)?, name) {
            (Value::Output(output), "Files") => {
                let files = output.as_ref().as_ref().map(|output| output.files.clone());
                let files = files.unwrap_or_default().into_iter();
                let produced = |file: carto_ytt::workspace::OutputFile| {
                    let contents = String::from_utf8_lossy(&file.contents).into_owned();
                    Value::Produced(file.path, contents)
                };
                Ok(Value::List(files.map(produced).collect()))
            }
            (Value::Fields(fields), name) => {
                let found = fields.into_iter().find(|(key, _)| key == name);
                found
                    .map(|(_, value)| value)
                    .ok_or_else(|| anyhow!(name.to_owned()).into())
            }
            _ => Ok(Value::Unknown),
        }
    }

    fn result(&self, function: &Expr, args: &[Expr]) -> Result<Value, Stop> {
        let name = dotted(function);
        match (name.as_str(), args) {
            ("files.NewSortedFiles" | "files.MustNewFileFromSource" | "string", [value]) => {
                self.value(value)
            }
            ("files.NewBytesSource", [name, data]) => {
                let file = File::new(self.text(name)?, self.text(data)?);
                Ok(Value::File(Rc::new(RefCell::new(file))))
            }
            ("cmdtpl.NewOptions", []) => Ok(Value::Options(Rc::default())),
            ("ui.NewTTY", _) => Ok(Value::Unknown),
            ("opts.RunWithFiles" | "cmdOpts.RunWithFiles", [input, _]) => {
                let Expr::Field(options, _) = function else {
                    return Err(anyhow!(name).into());
                };
                let Value::Options(flags) = self.value(options)? else {
                    return Err(anyhow!("other options").into());
                };
                let files = match self.value(input)? {
                    Value::Fields(fields) => match fields.first() {
                        Some((_, files)) => files_of(files)?,
                        None => Vec::new(),
                    },
                    _ => Vec::new(),
                };
                let output = flags.borrow().run(files);
                Ok(Value::Output(Rc::new(output)))
            }
            (name, []) if name.ends_with(".Err.Error") => {
                let Expr::Field(error, _) = function else {
                    return Err(anyhow!(name.to_owned()).into());
                };
                let Expr::Field(output, _) = &**error else {
                    return Err(anyhow!(name.to_owned()).into());
                };
                match self.value(output)? {
                    Value::Output(output) => match &*output {
                        Err(error) => Ok(Value::Text(error.clone())),
                        Ok(_) => Err(Stop::Failed("expected an error".to_owned())),
                    },
                    _ => Err(anyhow!(name.to_owned()).into()),
                }
            }
            (name, []) if name.ends_with(".RelativePath") || name.ends_with(".Bytes") => {
                let Expr::Field(file, _) = function else {
                    return Err(anyhow!(name.to_owned()).into());
                };
                match self.value(file)? {
                    Value::Produced(path, contents) => {
                        let is_path = name.ends_with(".RelativePath");
                        Ok(Value::Text(if is_path { path } else { contents }))
                    }
                    _ => Err(anyhow!(name.to_owned()).into()),
                }
            }
            _ => Err(anyhow!("`{name}` is not understood").into()),
        }
    }

    fn set_option(&mut self, target: &Expr, value: Value) -> Result<(), Stop> {
        let path = dotted(target);
        let mut names = path.split('.');
        let root = names.next().unwrap_or_default();
        let Some(Value::Options(flags)) = self.values.get(root) else {
            return Err(anyhow!("`{path}` is not understood").into());
        };
        let name = names.next_back().unwrap_or_default();
        flags.borrow_mut().set(name, &value).map_err(Stop::from)
    }
}

fn unexpected(error: String) -> Stop {
    Stop::Failed(format!("unexpected error: {error}"))
}

fn dotted(expr: &Expr) -> String {
    match expr {
        Expr::Name(name) => name.clone(),
        Expr::Field(of, name) => format!("{}.{name}", dotted(of)),
        Expr::Index(of, _) => format!("{}[]", dotted(of)),
        _ => "?".to_owned(),
    }
}

fn files_of(value: &Value) -> Result<Vec<File>, Stop> {
    let Value::List(list) = value else {
        return Err(anyhow!("other files").into());
    };
    let mut files = Vec::new();
    for value in list {
        match value {
            Value::File(file) => files.push(file.borrow().clone()),
            _ => return Err(anyhow!("other files").into()),
        }
    }
    Ok(files)
}

fn texts(value: &Value) -> Result<Vec<String>> {
    let Value::List(list) = value else {
        bail!("expected a list");
    };
    list.iter()
        .map(|value| match value {
            Value::Text(text) => Ok(text.clone()),
            _ => bail!("expected a text"),
        })
        .collect()
}

/// What a function without branches returns.
fn returned<'a>(statements: &'a [Stmt], values: &mut BTreeMap<String, Value>) -> Option<&'a Expr> {
    for statement in statements {
        match statement {
            Stmt::Return(returned) => return returned.first(),
            Stmt::Assign(targets, assigned) => {
                if let ([Expr::Name(name)], [Expr::Text(text)]) =
                    (targets.as_slice(), assigned.as_slice())
                {
                    values.insert(name.clone(), Value::Text(text.clone()));
                }
            }
            _ => {}
        }
    }
    None
}

impl Flags {
    fn set(&mut self, name: &str, value: &Value) -> Result<()> {
        let is_true = matches!(value, Value::Text(text) if text == "true");
        let DataValueFlags {
            files,
            env,
            env_yaml,
            texts: kvs,
            yaml,
            text_files,
        } = &mut self.options.data_values;
        match name {
            "IgnoreUnknownComments" => self.options.ignore_unknown_comments = is_true,
            "ImplicitMapKeyOverrides" => self.options.implicit_map_key_overrides = is_true,
            "StrictYAML" => self.options.strict = is_true,
            "SkipValidation" => self.options.skip_validation = is_true,
            "Inspect" => self.inspect = is_true,
            "InspectSchema" => self.inspect_schema = is_true,
            "FileMarks" => self.options.file_marks = texts(value)?,
            "Types" => self.output_types = texts(value)?,
            "FromFiles" => *files = texts(value)?,
            "EnvFromStrings" => *env = texts(value)?,
            "EnvFromYAML" => *env_yaml = texts(value)?,
            "KVsFromStrings" => *kvs = texts(value)?,
            "KVsFromYAML" => *yaml = texts(value)?,
            "KVsFromFiles" => *text_files = texts(value)?,
            "EnvironFunc" => {
                let Value::Function(body, values) = value else {
                    bail!("another environment");
                };
                self.given.environment = self.environment(body, values)?;
            }
            "ReadFilesFunc" => {
                let Value::Function(body, values) = value else {
                    bail!("other files");
                };
                self.given.files = read_files(body, values)?;
            }
            "DataValuesFlags" => {
                let Value::Fields(fields) = value else {
                    bail!("other flags");
                };
                self.options.data_values = DataValueFlags::default();
                for (name, value) in fields {
                    self.set(name, value)?;
                }
            }
            name => bail!("the option {name} is not known"),
        }
        Ok(())
    }

    fn environment(&self, body: &[Stmt], values: &BTreeMap<String, Value>) -> Result<Vec<String>> {
        let mut values = values.clone();
        let returned = returned(body, &mut values).context("no environment")?;
        texts(&evaluate(returned, values)?)
    }

    fn run(&self, files: Vec<File>) -> Result<Output, String> {
        let mut options = self.options.clone();
        if self.inspect_schema {
            options.show = Show::Schema;
        } else if self.inspect {
            options.show = Show::DataValues;
        }
        options.openapi = self.output_types.iter().any(|name| name == "openapi-v3");
        options.format = Format::Yaml;
        let result = run(files, &options, &self.given);
        // The tests hand their files over in memory; these are called by their path alone.
        result.map_err(|error| error.to_string().replace("'file ", "'"))
    }
}

fn evaluate(expr: &Expr, values: BTreeMap<String, Value>) -> Result<Value> {
    let mut summary = Summary::default();
    let name = String::new();
    let case = Case {
        only: "",
        summary: &mut summary,
        name,
        values,
        checks: 0,
    };
    case.value(expr).map_err(|stop| match stop {
        Stop::Failed(problem) | Stop::NotUnderstood(problem) => anyhow!(problem),
    })
}

/// The files that a function gives for each path of its switch.
fn read_files(
    body: &[Stmt],
    values: &BTreeMap<String, Value>,
) -> Result<BTreeMap<String, Vec<(String, String)>>> {
    let Some(Stmt::Switch(cases)) = body.first() else {
        bail!("files without a switch");
    };
    let mut found = BTreeMap::new();
    for (path, body) in cases {
        let Some(path) = path else { continue };
        let mut values = values.clone();
        let returned = returned(body, &mut values).context("no files")?;
        let Value::List(list) = evaluate(returned, values.clone())? else {
            bail!("other files");
        };
        let mut files = Vec::new();
        for value in list {
            let Value::File(file) = value else {
                bail!("other files");
            };
            let file = file.borrow();
            let contents = file.contents().map_err(anyhow::Error::msg)?;
            files.push((
                file.path().to_owned(),
                String::from_utf8_lossy(contents).into_owned(),
            ));
        }
        let [Value::Text(path)] = [evaluate(path, values)?] else {
            bail!("another path");
        };
        found.insert(path, files);
    }
    Ok(found)
}

impl Host for Given {
    fn kind(&self, path: &str) -> Result<EntryKind, String> {
        match self.files.get(path).map(Vec::as_slice) {
            Some([(name, _)]) if !name.contains('/') => Ok(EntryKind::File),
            Some(_) => Ok(EntryKind::Directory),
            None => Err(format!("Unknown file '{path}'")),
        }
    }

    fn walk(&self, directory: &str) -> Result<Vec<(String, EntryKind)>, String> {
        let files = self.files.get(directory).into_iter().flatten();
        Ok(files
            .map(|(name, _)| (name.clone(), EntryKind::File))
            .collect())
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        for (known, files) in &self.files {
            for (name, text) in files {
                if known == path || format!("{known}/{name}") == path {
                    return Ok(text.clone().into_bytes());
                }
            }
        }
        Err(format!("Unknown file '{path}'"))
    }

    fn stdin(&self) -> Result<Vec<u8>, String> {
        Ok(Vec::new())
    }

    fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        Err(url.to_owned())
    }

    fn link_target(&self, path: &str) -> Result<String, String> {
        Ok(path.to_owned())
    }

    fn absolute(&self, path: &str) -> Result<String, String> {
        Ok(path.to_owned())
    }

    fn environment(&self) -> Vec<String> {
        self.environment.clone()
    }
}
