//! From arguments to what is to be done.
//!
//! Source: github.com/spf13/cobra v1.7.0 `Find`, `stripFlags`; github.com/spf13/pflag v1.0.5
//! `parseArgs`; github.com/cppforlife/cobrautil `DisallowExtraArgs`.

use super::flags::{Flag, Flags, HELP, TEMPLATE, VERSION};
use super::help;

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Print this.
    Help(String),
    /// Print the version.
    Version,
    /// Process templates.
    Template(Box<Flags>),
}

/// A command, as the words before it tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Root,
    Template,
    Version,
    Help,
}

impl Command {
    fn find(word: &str) -> Option<Self> {
        match word {
            "template" | "t" | "tpl" => Some(Self::Template),
            "version" => Some(Self::Version),
            "help" => Some(Self::Help),
            _ => None,
        }
    }

    /// What it is called in messages.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Root => "ytt",
            Self::Template => "ytt template",
            Self::Version => "ytt version",
            Self::Help => "ytt help",
        }
    }

    /// Its flags.
    pub(super) fn flags(self) -> impl Iterator<Item = &'static Flag> {
        let template = matches!(self, Self::Root | Self::Template);
        let own = if template { TEMPLATE } else { &[] };
        let version = (self == Self::Root).then_some(&VERSION);
        own.iter().chain([&HELP]).chain(version)
    }

    fn flag(self, name: &str) -> Option<&'static Flag> {
        self.flags().find(|flag| flag.name == name)
    }

    fn short_flag(self, name: char) -> Option<&'static Flag> {
        self.flags().find(|flag| flag.short == Some(name))
    }
}

const NOT_HERE: [&str; 3] = ["fmt", "website", "completion"];

/// Understands arguments.
///
/// # Errors
/// What is wrong with them.
pub(super) fn parse(args: &[String]) -> Result<Task, String> {
    let (command, args) = match first_word(args) {
        Some(at) => match Command::find(&args[at]) {
            Some(command) => {
                let mut args = args.to_vec();
                args.remove(at);
                (command, args)
            }
            None if NOT_HERE.contains(&args[at].as_str()) => {
                return Err(format!("command '{}' is not part of this ytt", args[at]));
            }
            None => (Command::Root, args.to_vec()),
        },
        None => (Command::Root, args.to_vec()),
    };
    let mut flags = Flags::default();
    let extra = parse_flags(command, &args, &mut flags)?;
    if command == Command::Help {
        let about = extra.first().and_then(|word| Command::find(word));
        return Ok(Task::Help(help::text(about.unwrap_or(Command::Root))));
    }
    if flags.help {
        return Ok(Task::Help(help::text(command)));
    }
    if flags.version {
        return Ok(Task::Version);
    }
    if let Some(extra) = extra.first() {
        let path = command.path();
        return Err(format!(
            "command '{path}' does not accept extra arguments '{extra}'"
        ));
    }
    Ok(match command {
        Command::Version => Task::Version,
        Command::Root | Command::Template | Command::Help => Task::Template(Box::new(flags)),
    })
}

/// Index of the first argument that is neither a flag nor the text of one.
fn first_word(args: &[String]) -> Option<usize> {
    let mut at = 0;
    while let Some(arg) = args.get(at) {
        if arg == "--" {
            return None;
        }
        if let Some(name) = arg.strip_prefix("--") {
            let takes_text = !Command::Root.flag(name).is_some_and(Flag::is_bool);
            if !arg.contains('=') && takes_text {
                at += 1;
            }
        } else if let Some(names) = arg.strip_prefix('-') {
            let mut names = names.chars();
            if let (Some(name), None) = (names.next(), names.next())
                && !Command::Root.short_flag(name).is_some_and(Flag::is_bool)
            {
                at += 1;
            }
        } else if !arg.is_empty() {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// Sets flags; gives the arguments that are none.
fn parse_flags(
    command: Command,
    args: &[String],
    flags: &mut Flags,
) -> Result<Vec<String>, String> {
    let mut extra = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--" {
            extra.extend(args.cloned());
            break;
        }
        if arg.starts_with("--") {
            long_flag(command, arg, &mut args, flags)?;
        } else if arg.len() > 1 && arg.starts_with('-') {
            short_flags(command, &arg[1..], &mut args, flags)?;
        } else {
            extra.push(arg.clone());
        }
    }
    Ok(extra)
}

fn long_flag<'a>(
    command: Command,
    arg: &str,
    args: &mut impl Iterator<Item = &'a String>,
    flags: &mut Flags,
) -> Result<(), String> {
    let name = &arg[2..];
    if name.starts_with(['-', '=']) {
        return Err(format!("bad flag syntax: {arg}"));
    }
    let (name, text) = match name.split_once('=') {
        Some((name, text)) => (name, Some(text)),
        None => (name, None),
    };
    let Some(flag) = command.flag(name) else {
        return Err(format!("unknown flag: --{name}"));
    };
    let text = match text {
        Some(text) => text,
        None if flag.is_bool() => "true",
        None => args
            .next()
            .ok_or_else(|| format!("flag needs an argument: {arg}"))?,
    };
    flag.set(flags, text)
}

fn short_flags<'a>(
    command: Command,
    names: &str,
    args: &mut impl Iterator<Item = &'a String>,
    flags: &mut Flags,
) -> Result<(), String> {
    let mut rest = names;
    while let Some(name) = rest.chars().next() {
        let Some(flag) = command.short_flag(name) else {
            return Err(format!("unknown shorthand flag: {name:?} in -{rest}"));
        };
        let after = &rest[name.len_utf8()..];
        if let Some(text) = after.strip_prefix('=').filter(|text| !text.is_empty()) {
            return flag.set(flags, text);
        }
        if flag.is_bool() {
            flag.set(flags, "true")?;
            rest = after;
            continue;
        }
        let text = if after.is_empty() {
            args.next()
                .ok_or_else(|| format!("flag needs an argument: {name:?} in -{rest}"))?
        } else {
            after
        };
        return flag.set(flags, text);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Task, String> {
        let args: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        super::parse(&args)
    }

    fn flags(words: &str) -> Flags {
        match parse(words) {
            Ok(Task::Template(flags)) => *flags,
            other => panic!("{words}: {other:?}"),
        }
    }

    #[test]
    fn flags_may_stand_in_all_the_ways_of_pflag() {
        for words in [
            "-f a -f b",
            "--file a --file=b",
            "-fa -f=b",
            "t -f a tpl= -f b",
        ] {
            let found = parse(words);
            if words.starts_with('t') {
                let expected = "command 'ytt template' does not accept extra arguments 'tpl='";
                assert_eq!(found, Err(expected.to_owned()));
            } else {
                assert_eq!(flags(words).files, ["a", "b"], "{words}");
            }
        }
        assert_eq!(flags("-sfa").files, ["a"]);
        assert_eq!(flags("template -f -").files, ["-"]);
        assert_eq!(flags("-f t t").files, ["t"]);
    }

    #[test]
    fn wrong_arguments_are_reported_as_pflag_does() {
        for (words, message) in [
            ("--bogus", "unknown flag: --bogus"),
            ("-f", "flag needs an argument: 'f' in -f"),
            ("-x", "unknown shorthand flag: 'x' in -x"),
            ("--data-value", "flag needs an argument: --data-value"),
            ("-sf", "flag needs an argument: 'f' in -f"),
            ("foo", "command 'ytt' does not accept extra arguments 'foo'"),
            (
                "version foo",
                "command 'ytt version' does not accept extra arguments 'foo'",
            ),
            (
                "-s=maybe",
                "invalid argument \"maybe\" for \"-s, --strict\" flag: \
                 strconv.ParseBool: parsing \"maybe\": invalid syntax",
            ),
        ] {
            assert_eq!(parse(words), Err(message.to_owned()), "{words}");
        }
    }

    #[test]
    fn help_and_version_come_before_everything_but_wrong_flags() {
        assert_eq!(parse("-f x --version y"), Ok(Task::Version));
        assert_eq!(parse("version"), Ok(Task::Version));
        assert!(matches!(parse("-h --version"), Ok(Task::Help(_))));
        assert!(parse("-h --bogus").is_err());
        assert!(parse("t --version").is_err());
    }
}
