//! `carto ytt` against what is written down here, and against the real ytt where there is one.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use carto_testkit::real;

use crate::process::carto;

/// The directory that the command lines below are about.
const FILES: &[(&str, &str)] = &[
    (
        "config/config.yml",
        "#@ load(\"@ytt:data\", \"data\")\n#@ load(\"names.star\", \"named\")\n---\n\
         name: #@ named(data.values.name)\nreplicas: #@ data.values.replicas\nport: #@ data.values.port\n",
    ),
    (
        "config/names.star",
        "def named(name):\n  return \"app-\" + name\nend\n",
    ),
    (
        "config/schema.yml",
        "#@data/values-schema\n---\n#@schema/validation min_len=1\nname: web\nreplicas: 1\n\
         #@schema/nullable\nport: 80\n",
    ),
    ("config/notes.txt", "Deployed (@= \"twice\" @).\n"),
    ("config/README.md", "not a template\n"),
    ("plain.yml", "b: 1\na: [x, {z: null}]\n---\nsecond: yes\n"),
    ("values.yml", "name: from-file\n"),
    ("values/a.yml", "name: a\nreplicas: 2\n"),
    ("values/b.yml", "replicas: 3\n"),
    ("secret.txt", "line 1\nline 2\n"),
    (
        "overlay.yml",
        "#@ load(\"@ytt:overlay\", \"overlay\")\n#@overlay/match by=overlay.all\n---\n\
         #@overlay/match missing_ok=True\nadded: true\n",
    ),
    ("syntax.yml", "#@ if True\na: 1\n#@ end\n"),
    (
        "runtime.yml",
        "#@ def f():\n#@   return {}[\"x\"]\n#@ end\na: #@ f()\n",
    ),
    ("comment.yml", "a: 1 # why\nb: #@ 1 + 1\n"),
    ("double.yml", "#@ a = 1\na: 1\na: 2\n"),
    ("prints.yml", "#@ print(\"hello\")\na: #@ 1\n"),
    ("broken.yml", "a: [1\nb: 2\n"),
    ("ambiguous.yml", "a: yes\n"),
    (
        "ask.yml",
        "#@ load(\"@ytt:library\", \"library\")\n#@ load(\"@ytt:template\", \"template\")\n\
         --- #@ template.replace(library.get(\"lib\").with_data_values({\"x\": 2}).eval())\n",
    ),
    (
        "_ytt_lib/lib/lib.yml",
        "#@ load(\"@ytt:data\", \"data\")\nx: #@ data.values.x\n",
    ),
    ("_ytt_lib/lib/values.yml", "#@data/values\n---\nx: 1\n"),
    (
        "bulk.json",
        "{\"files\":[{\"name\":\"a.yml\",\"data\":\"a: 1\\n\"}]}",
    ),
];

/// Command lines, and what is given on standard input.
const LINES: &[(&str, &str)] = &[
    ("-f config", ""),
    ("-f config/", ""),
    ("-f ./config -v name=x", ""),
    (
        "template -f config --data-value name=x --data-value-yaml replicas=4",
        "",
    ),
    ("t -f config --data-value-yaml port=null", ""),
    ("-f config --data-values-file values.yml", ""),
    ("-f config --data-values-file values", ""),
    (
        "-f config --data-values-file values --data-values-inspect",
        "",
    ),
    ("-f config --data-value-file name=secret.txt", ""),
    ("-f config --data-values-env CARTO_T", ""),
    (
        "-f config --data-values-env-yaml CARTO_T --data-values-inspect",
        "",
    ),
    ("-f config --data-values-inspect -o json", ""),
    ("-f config --data-values-schema-inspect", ""),
    ("-f config --data-values-schema-inspect -o openapi-v3", ""),
    (
        "-f config --data-values-schema-inspect -o openapi-v3,json",
        "",
    ),
    ("-f config -o openapi-v3", ""),
    ("-f config -v name=", ""),
    (
        "-f config -v name= --dangerous-data-values-disable-validation",
        "",
    ),
    ("-f config -v nmae=x", ""),
    ("-f config -v name", ""),
    ("-f config --data-value-yaml replicas=[", ""),
    ("-f config --data-value-yaml replicas=text", ""),
    ("-f config -o json", ""),
    ("-f config -o pos", ""),
    ("-f config -o xml", ""),
    ("-f config -f overlay.yml", ""),
    ("-f plain.yml -f overlay.yml", ""),
    ("-f overlay.yml", ""),
    ("-f plain.yml", ""),
    ("-f plain.yml -o json", ""),
    ("-f plain.yml -o pos", ""),
    ("-f plain.yml -s", ""),
    ("-f ambiguous.yml --strict", ""),
    ("-f ambiguous.yml", ""),
    ("-f-", "a: #@ 1 + 1\n"),
    ("-f - --file-mark stdin.yml:type=text-plain", "a: 1\n"),
    ("-f other/name.yml=plain.yml --files-inspect", ""),
    ("-f config --files-inspect", ""),
    ("-f config --files-inspect -o json", ""),
    ("-f config --file-mark config.yml:exclude=true", ""),
    ("-f config --file-mark missing.yml:exclude=true", ""),
    ("-f config --file-mark config.yml:bogus=true", ""),
    ("-f config --file-mark config.yml", ""),
    ("-f config --file-mark **/*:type=data", ""),
    ("-f config --file-mark README.md:type=yaml-plain", ""),
    (
        "-f config --file-mark config.yml:path=x/y.yml --output-files out",
        "",
    ),
    ("-f config --file-mark names.star:for-output=true", ""),
    (
        "-f config --file-mark config.yml:exclusive-for-output=true --output-files out",
        "",
    ),
    ("-f config --output-files out", ""),
    ("-f config -f plain.yml --output-files ./out/deep/", ""),
    ("-f config -f config --output-files out", ""),
    ("-f config --dangerous-emptied-output-directory out", ""),
    (
        "-f config -f config --dangerous-emptied-output-directory out",
        "",
    ),
    ("-f config --dangerous-emptied-output-directory .", ""),
    ("-f config --dangerous-emptied-output-directory /", ""),
    ("-f missing.yml", ""),
    ("-f config/missing", ""),
    ("-f a=b=c", ""),
    ("-f syntax.yml", ""),
    ("-f runtime.yml", ""),
    ("-f comment.yml", ""),
    ("-f comment.yml --ignore-unknown-comments", ""),
    ("-f double.yml", ""),
    ("-f double.yml --implicit-map-key-overrides", ""),
    ("-f prints.yml", ""),
    ("-f broken.yml", ""),
    (
        "-f ask.yml -f _ytt_lib/lib --file-mark lib.yml:exclude=true --file-mark values.yml:exclude=true",
        "",
    ),
    ("-f ask.yml", ""),
    ("-f secret.txt", ""),
    ("-f secret.txt --output-files out", ""),
    (
        "--bulk-in {\"files\":[{\"name\":\"a.yml\",\"data\":\"a:#\"}]} --bulk-out",
        "",
    ),
    (
        "--bulk-in {\"files\":[{\"name\":\"a.yml\",\"data\":\"a:\"}]} --bulk-out",
        "",
    ),
    ("--bulk-in {", ""),
    ("", ""),
    ("version", ""),
    ("--version", ""),
    ("version extra", ""),
    ("-f plain.yml extra", ""),
    ("--bogus", ""),
    ("-x", ""),
    ("-f", ""),
    ("--strict=maybe -f plain.yml", ""),
    ("-sf plain.yml", ""),
    ("-f link.yml", ""),
    ("-f link.yml --dangerous-allow-all-symlink-destinations", ""),
    ("-f link.yml --allow-symlink-destination .", ""),
    ("-f link.yml --allow-symlink-destination config", ""),
    ("-f links", ""),
];

/// What a command line leaves behind.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    status: Option<i32>,
    stdout: String,
    stderr: String,
    files: Vec<(PathBuf, Vec<u8>)>,
}

/// Runs a program on a fresh copy of the files.
fn run(mut program: Command, line: &str, stdin: &str) -> Left {
    let directory = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(directory.path()).unwrap();
    for (path, contents) in FILES {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
    std::os::unix::fs::symlink("plain.yml", root.join("link.yml")).unwrap();
    fs::create_dir(root.join("links")).unwrap();
    std::os::unix::fs::symlink("../plain.yml", root.join("links/a.yml")).unwrap();
    fs::create_dir(root.join("out")).unwrap();
    fs::write(root.join("out/old"), "old").unwrap();
    let mut child = program
        .args(line.split_whitespace())
        .current_dir(&root)
        .envs([("CARTO_T_name", "env"), ("CARTO_T_replicas", "5")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let text = stdin.to_owned();
    // A program that does not read its input closes the pipe.
    let writer = thread::spawn(move || drop(pipe.write_all(text.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.replace(root.to_str().unwrap(), "ROOT")
    };
    let mut files = Vec::new();
    collect(&root.join("out"), &root, &mut files);
    Left {
        status: output.status.code(),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
        files,
    }
}

fn collect(directory: &Path, root: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, root, files);
        } else {
            let contents = fs::read(&path).unwrap();
            files.push((path.strip_prefix(root).unwrap().to_owned(), contents));
        }
    }
}

fn carto_ytt() -> Command {
    let mut command = carto();
    command.arg("ytt");
    command
}

#[test]
fn every_command_line_leaves_what_ytt_leaves() {
    let Some(ytt) = real::ytt("every_command_line_leaves_what_ytt_leaves") else {
        return;
    };
    let mut differences = Vec::new();
    for (line, stdin) in LINES {
        let ours = run(carto_ytt(), line, stdin);
        let theirs = run(Command::new(&ytt), line, stdin);
        if ours != theirs {
            differences.push(format!(
                "ytt {line}\n ours: {ours:#?}\n theirs: {theirs:#?}"
            ));
        }
    }
    let count = differences.len();
    assert!(count == 0, "{count} differ\n{}", differences.join("\n"));
}

/// What is left of these command lines, without a real ytt to ask.
#[test]
fn results_go_to_standard_output_and_failures_to_standard_error() {
    let rows = [
        (
            "-f config -v name=x",
            Some(0),
            "name: app-x\nreplicas: 1\nport: null\n",
            "\nWarning: Found Non-YAML templates in input. Non-YAML templates are not rendered to \
             standard output.\nIf you want to include those results, use the --output-files or \
             --dangerous-emptied-output-directory flag.\n",
        ),
        (
            "-f plain.yml -o json",
            Some(0),
            "{\"a\":[\"x\",{\"z\":null}],\"b\":1}{\"second\":true}",
            "",
        ),
        (
            "-f missing.yml",
            Some(1),
            "",
            "ytt: Error: Checking file 'missing.yml': lstat missing.yml: no such file or directory\n",
        ),
        (
            "-f runtime.yml",
            Some(1),
            "",
            "ytt: Error: \n- key \"x\" not in dict\n    in f\n      runtime.yml:2 | #@   return {}[\"x\"]\n    \
             in <toplevel>\n      runtime.yml:4 | a: #@ f()\n",
        ),
        (
            "--bogus",
            Some(1),
            "",
            "ytt: Error: unknown flag: --bogus\n",
        ),
        ("version", Some(0), "ytt version 0.52.1\n", ""),
        ("-f prints.yml", Some(0), "a: 1\n", "hello\n"),
    ];
    for (line, status, stdout, stderr) in rows {
        let left = run(carto_ytt(), line, "");
        assert_eq!(left.stdout, stdout, "{line}");
        assert_eq!(left.stderr, stderr, "{line}");
        assert_eq!(left.status, status, "{line}");
    }
}

#[test]
fn files_are_written_where_they_are_asked_for() {
    let left = run(carto_ytt(), "-f config --output-files out/new", "");
    assert_eq!(
        left.stdout,
        "creating: out/new/notes.txt\ncreating: out/new/config.yml\n"
    );
    let written: Vec<_> = left
        .files
        .iter()
        .map(|(path, _)| path.to_str().unwrap())
        .collect();
    assert_eq!(
        written,
        ["out/new/config.yml", "out/new/notes.txt", "out/old"]
    );
    let line = "-f config --dangerous-emptied-output-directory out";
    let left = run(carto_ytt(), line, "");
    let written: Vec<_> = left
        .files
        .iter()
        .map(|(path, _)| path.to_str().unwrap())
        .collect();
    assert_eq!(
        written,
        ["out/config.yml", "out/notes.txt"],
        "what was there is gone"
    );
}

#[test]
fn a_template_that_never_ends_is_stopped() {
    let template = "#@ def f():\n#@   return f()\n#@ end\na: #@ f()\n";
    let left = run(carto_ytt(), "-f -", template);
    assert_eq!(left.status, Some(1));
    let expected = "ytt: Error: \n- evaluation was stopped: more than 1000 calls are in progress";
    assert!(left.stderr.starts_with(expected), "{}", left.stderr);
}

#[test]
fn the_output_of_a_command_can_be_a_file() {
    let mut bash = Command::new("bash");
    bash.args([
        "-c",
        "exec \"$0\" ytt -f <(echo 'a: 1')",
        env!("CARGO_BIN_EXE_carto"),
    ]);
    let left = run(bash, "", "");
    // Such a file has no extension: it takes part, and gives no output.
    assert_eq!((left.status, left.stderr.as_str()), (Some(0), ""));
}

#[test]
fn help_is_that_of_ytt_not_of_carto() {
    for line in ["--help", "-h", "help", "template --help"] {
        let left = run(carto_ytt(), line, "");
        assert_eq!(left.status, Some(0), "{line}");
        assert!(
            left.stdout.contains("--data-values-file"),
            "{}",
            left.stdout
        );
    }
}
