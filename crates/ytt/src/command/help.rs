//! The text of `--help`.

use super::flags::{Flag, Kind};
use super::parse::Command;

/// What a command is for, and its flags.
pub(super) fn text(command: Command) -> String {
    let mut out = String::new();
    match command {
        Command::Root | Command::Help => {
            out.push_str("Renders YAML and text templates, as ytt does.\n\n");
            out.push_str("Usage:\n  ytt [flags]\n  ytt [command]\n\n");
            out.push_str("Commands:\n  help      Help about a command\n");
            out.push_str("  template  The same as no command\n  version   Print the version\n");
        }
        Command::Template => {
            out.push_str("Renders YAML and text templates, as ytt does.\n\n");
            out.push_str("Usage:\n  ytt template [flags]\n\nAliases:\n  template, t, tpl\n");
        }
        Command::Version => out.push_str("Prints the version.\n\nUsage:\n  ytt version [flags]\n"),
    }
    let command = if command == Command::Help {
        Command::Root
    } else {
        command
    };
    let mut lines: Vec<(String, &str)> = command
        .flags()
        .map(|flag| (heading(flag), flag.about))
        .collect();
    lines.sort_by_key(|(heading, _)| name_of(heading).to_owned());
    let width = lines
        .iter()
        .map(|(heading, _)| heading.len())
        .max()
        .unwrap_or_default();
    out.push_str("\nFlags:\n");
    for (heading, about) in lines {
        out.push_str(&format!("  {heading:width$}   {about}\n"));
    }
    out
}

fn heading(flag: &Flag) -> String {
    let short = match flag.short {
        Some(short) => format!("-{short}, "),
        None => "    ".to_owned(),
    };
    let text = match flag.kind {
        Kind::Bool(_) => "",
        Kind::Text(_) | Kind::Texts(_) => " text",
        Kind::Lists(_) => " texts",
    };
    format!("{short}--{}{text}", flag.name)
}

fn name_of(heading: &str) -> &str {
    heading.split_once("--").map_or(heading, |(_, name)| name)
}
