//! ytt's examples: directories with what comes out of them, and invocations of its end-to-end
//! tests.
//!
//! Source of the invocations: ytt test/e2e/e2e_test.go, examples/*/run.sh.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use carto_cli::disk::Disk;
use carto_ytt::command;

use super::super::Summary;

/// What an invocation must give.
enum Expected {
    /// The text of this file.
    File(&'static str),
    /// This text.
    Text(&'static str),
    /// This text on standard error.
    Error(&'static str),
    /// No error.
    Success,
    /// Some error.
    Failure,
}

/// An invocation, in the directory of the examples.
struct Case {
    args: &'static str,
    environment: &'static str,
    stdin: &'static str,
    expected: Expected,
}

const fn case(args: &'static str, expected: Expected) -> Case {
    Case {
        args,
        environment: "",
        stdin: "",
        expected,
    }
}

const VALUES: &str = "nothing: null\nstring: str\nbool: true\nint: 123\nfloat: 123.123\n";
const QUOTED: &str = "nothing: \"null\"\nstring: str\nbool: true\nint: 123\nfloat: 123.123\n";
const ALL_QUOTED: &str =
    "nothing: \"null\"\nstring: str\nbool: \"true\"\nint: \"123\"\nfloat: \"123.123\"\n";

const CASES: &[Case] = &[
    case(
        "-f data-values/config.yml -f data-values/values.yml --data-value nothing=null \
         --data-value string=str --data-value bool=true --data-value int=123 \
         --data-value float=123.123",
        Expected::Text(ALL_QUOTED),
    ),
    case(
        "-f data-values/config.yml -f data-values/values.yml --data-value-yaml nothing=null \
         --data-value-yaml string=str --data-value-yaml bool=true --data-value-yaml int=123 \
         --data-value-yaml float=123.123",
        Expected::Text(VALUES),
    ),
    Case {
        args: "-f data-values/config.yml -f data-values/values.yml --data-values-env STR_VAL \
               --data-values-env-yaml YAML_VAL",
        environment: "STR_VAL_nothing=null YAML_VAL_string=str YAML_VAL_bool=true \
                      YAML_VAL_int=123 YAML_VAL_float=123.123",
        stdin: "",
        expected: Expected::Text(QUOTED),
    },
    Case {
        args: "-f data-values/config.yml -f data-values/values.yml \
               --data-value-yaml nothing=[1,2,3] --data-values-env-yaml YAML_VAL",
        environment: "YAML_VAL_string=[1,2,4] YAML_VAL_bool=true YAML_VAL_int=123 \
                      YAML_VAL_float=123.123",
        stdin: "",
        expected: Expected::Text(
            "nothing:\n- 1\n- 2\n- 3\nstring:\n- 1\n- 2\n- 4\nbool: true\nint: 123\nfloat: 123.123\n",
        ),
    },
    case(
        "-f data-values-directory/config --data-values-file data-values-directory/values",
        Expected::File("data-values-directory/expected.txt"),
    ),
    case(
        "-f data-values-required/inline -v version=123",
        Expected::File("data-values-required/expected.txt"),
    ),
    case(
        "-f data-values-required/function -v version=123",
        Expected::File("data-values-required/expected.txt"),
    ),
    case(
        "-f data-values-required/bulk -v version=123",
        Expected::File("data-values-required/expected.txt"),
    ),
    case(
        "-f data-values-multiple-envs/config/ -v version=123",
        Expected::Text("app_config:\n  version: \"123\"\n  ports:\n  - 8080\n"),
    ),
    case(
        "-f data-values-multiple-envs/config/ -f data-values-multiple-envs/envs/dev.yml",
        Expected::Text("app_config:\n  version: v1alpha1\n  ports:\n  - 8080\n"),
    ),
    case(
        "-f data-values-multiple-envs/config/ -f data-values-multiple-envs/envs/staging.yml",
        Expected::Text("app_config:\n  version: v1beta1\n  ports:\n  - 8081\n"),
    ),
    case(
        "-f data-values-multiple-envs/config/ -f data-values-multiple-envs/envs/prod.yml",
        Expected::Text("app_config:\n  version: v1\n  ports:\n  - 80\n"),
    ),
    case("-f version-constraint", Expected::Success),
    Case {
        args: "-f - -f eirini/input.yml",
        environment: "",
        stdin: "eirini/config.yml",
        expected: Expected::File("eirini/config-result.yml"),
    },
    Case {
        args: "--data-values-file - --data-values-inspect",
        environment: "",
        stdin: "data-values/values-file.yml",
        expected: Expected::Text(
            "nothing: something\nstring: str\nbool: true\nint: 124\nnew_thing: new\n",
        ),
    },
    case(
        "--data-values-file - -f -",
        Expected::Error(
            "ytt: Error: Extracting data value from file:\n  Reading file 'stdin.yml':\n    \
             Standard input has already been read, has the '-' argument been used in more than \
             one flag?\n",
        ),
    ),
    Case {
        args: "-f-",
        environment: "",
        stdin: "k8s-relative-rolling-update/config.yml",
        expected: Expected::File("k8s-relative-rolling-update/expected.txt"),
    },
    case(
        "-f k8s-adjust-rbac-version -o json",
        Expected::Text(
            "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"ClusterRole\"}\
             {\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"ClusterRole\"}",
        ),
    ),
    case(
        "-f eirini/config.yml -f eirini/input.yml",
        Expected::File("eirini/config-result.yml"),
    ),
    case(
        "-f eirini/config-alt1.yml -f eirini/input.yml",
        Expected::File("eirini/config-result.yml"),
    ),
    case(
        "-f eirini/config-alt2.yml -f eirini/config.lib.yaml -f eirini/config.star \
         -f eirini/data.txt -f eirini/data2.lib.txt -f eirini/input.yml",
        Expected::File("eirini/config-result.yml"),
    ),
];

/// Examples whose expected text belongs to several invocations, all of them in [`CASES`].
const BY_INVOCATION: [&str; 4] = [
    "data-values",
    "data-values-directory",
    "data-values-multiple-envs",
    "data-values-required",
];

/// Examples that fail with ytt as well: one asserts something wrong, two are only complete in the
/// playground.
const FAILING: [&str; 3] = [
    "playground/basics/example-assert",
    "playground/basics/example-load-custom-library-module",
    "playground/basics/example-ytt-library-module",
];

/// Runs all of them.
///
/// # Errors
/// Sources that cannot be read.
pub(super) fn run_all(dir: &Path, only: &str, summary: &mut Summary) -> Result<()> {
    let examples = dir.join("examples");
    let mut check = |name: String, case: &Case| -> Result<()> {
        if name.contains(only) {
            summary.count(&name, run(&examples, case)?);
        }
        Ok(())
    };
    for case in CASES {
        check(format!("examples: {}", case.args), case)?;
    }
    for parent in [
        "",
        "playground/basics",
        "playground/getting-started",
        "playground/overlays",
    ] {
        let mut names = Vec::new();
        let folder = examples.join(parent);
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        for name in names {
            let path = if parent.is_empty() {
                name
            } else {
                format!("{parent}/{name}")
            };
            let expected = examples.join(&path).join("expected.txt");
            let args: &'static str = format!("-f {path}").leak();
            if expected.is_file() && !BY_INVOCATION.contains(&path.as_str()) {
                let expected = format!("{path}/expected.txt").leak();
                check(
                    format!("examples/{path}"),
                    &case(args, Expected::File(expected)),
                )?;
            } else if FAILING.contains(&path.as_str()) {
                check(format!("examples/{path}"), &case(args, Expected::Failure))?;
            } else if !parent.is_empty() {
                check(format!("examples/{path}"), &case(args, Expected::Success))?;
            }
        }
    }
    Ok(())
}

fn run(examples: &Path, case: &Case) -> Result<Result<(), String>> {
    let read = |path: &str| fs::read(examples.join(path)).with_context(|| path.to_owned());
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let disk = Disk {
        directory: examples.to_owned(),
        stdin: Some(if case.stdin.is_empty() {
            Vec::new()
        } else {
            read(case.stdin)?
        }),
        environment: words(case.environment),
        ..Disk::default()
    };
    let outcome = command::main(&words(case.args), &disk, None);
    let stdout = String::from_utf8_lossy(&outcome.stdout);
    let expected = match case.expected {
        Expected::Error(text) => return Ok(super::equal(&outcome.stderr, text)),
        Expected::Text(text) => Some(text.to_owned()),
        Expected::File(path) => Some(String::from_utf8_lossy(&read(path)?).into_owned()),
        Expected::Failure if outcome.status != 0 => return Ok(Ok(())),
        Expected::Failure => return Ok(Err(format!("expected an error, found\n{stdout}"))),
        Expected::Success => None,
    };
    if outcome.status != 0 {
        return Ok(Err(outcome.stderr));
    }
    Ok(expected.map_or(Ok(()), |expected| super::equal(&stdout, &expected)))
}
