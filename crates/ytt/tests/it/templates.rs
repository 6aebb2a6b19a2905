//! Templates in the shape of those that supply chains ship, over contexts as Cartographer gives
//! them, compared with what is committed beside them and with the real ytt where there is one.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use carto_ytt::{Limits, inline};
use serde_json::{Map, Value};

/// Calls `check` with every template, every context and where the result of the two is kept.
fn each(mut check: impl FnMut(&str, &Map<String, Value>, &Path)) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut pairs = 0;
    for template in sorted(&root.join("templates")) {
        let text = fs::read_to_string(&template).unwrap();
        for context in sorted(&root.join("contexts")) {
            let values = serde_json::from_str(&fs::read_to_string(&context).unwrap()).unwrap();
            let name = format!("{}.{}.txt", stem(&template), stem(&context));
            check(&text, &values, &root.join("rendered").join(name));
            pairs += 1;
        }
    }
    assert!(pairs >= 36, "{pairs} pairs of templates and contexts");
}

fn sorted(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

#[test]
fn templates_of_supply_chains_render_as_committed() {
    each(|template, values, kept| {
        let program = inline::Program::compile(inline::STDIN, template);
        let output =
            program.and_then(|program| program.eval(&values.clone().into(), &Limits::INLINE));
        let found = match output {
            Ok(output) => output.text,
            Err(error) => error.to_cli_string(),
        };
        let expected = fs::read_to_string(kept).unwrap();
        assert_eq!(found, expected, "{}", kept.display());
    });
}

#[test]
fn the_real_ytt_renders_them_equally() {
    let Some(ytt) = crate::real::binary("the_real_ytt_renders_them_equally") else {
        return;
    };
    each(|template, values, kept| {
        let flags = values
            .iter()
            .flat_map(|(key, value)| ["--data-value-yaml".to_owned(), format!("{key}={value}")]);
        let mut child = Command::new(&ytt)
            .args(["-f", "-"])
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, template.as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let written = if output.status.success() {
            output.stdout
        } else {
            output.stderr
        };
        let expected = fs::read_to_string(kept).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&written),
            expected,
            "{}",
            kept.display()
        );
    });
}
