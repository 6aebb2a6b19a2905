//! Programs that would run, grow or nest without end.

use super::*;

/// Little of everything: what is stopped here is stopped with any limits.
const LITTLE: Limits = Limits {
    steps: 200_000,
    bytes: 4 << 20,
    depth: 200,
};

/// The first line of the report.
fn stopped(text: &str) -> String {
    run_within(text, LITTLE)
        .lines()
        .nth(1)
        .unwrap_or_default()
        .to_owned()
}

const STEPS: &str = "step budget";
const MEMORY: &str = "memory budget";
const CALLS: &str = "calls are in progress";
const LIBRARY_CALLS: &str = "calls of library functions are in progress";
const NESTING: &str = "nested deeper than the budget";

#[test]
fn every_way_to_go_on_without_end_is_stopped_and_named() {
    let rows = [
        ("while True:\nend", STEPS),
        ("x = 0\nwhile True:\nx += 1\nend", STEPS),
        ("for a in range(1000000000):\nb = a\nend", STEPS),
        ("x = [0 for a in range(1000000000) if False]", STEPS),
        (
            "x = any([False] * 1000)\nwhile any(range(1)) == False:\nx = 1\nend",
            STEPS,
        ),
        ("x = list(range(1000000000))", MEMORY),
        ("x = sorted(range(1000000000))", MEMORY),
        ("x = set(range(1000000000))", MEMORY),
        ("x = 'a' * 1000000000", MEMORY),
        ("x = [0] * 100000000", MEMORY),
        ("x = (0,) * 100000000", MEMORY),
        ("x = 'a'\nwhile True:\nx += x\nend", MEMORY),
        ("x = [1]\nwhile True:\nx += x\nend", MEMORY),
        ("x = [1]\nwhile True:\nx.extend(x)\nend", MEMORY),
        ("x = (1,)\nwhile True:\nx = x + x\nend", MEMORY),
        ("x = []\nwhile True:\nx.append(1)\nend", STEPS),
        ("x = {}\ni = 0\nwhile True:\nx[i] = 1\ni += 1\nend", STEPS),
        ("x = 'a'\nwhile True:\nx = x.replace('a', 'aa')\nend", STEPS),
        ("x = 'a'\nwhile True:\nx = '%s%s' % (x, x)\nend", MEMORY),
        ("x = 'a'\nwhile True:\nx = '{}{}'.format(x, x)\nend", MEMORY),
        ("x = 'a'\nwhile True:\nx = x.join([x, x, x])\nend", MEMORY),
        (
            "x = ['a' * 100] * 1000\nwhile True:\ny = ''.join(x)\nend",
            MEMORY,
        ),
        ("x = 3\nwhile True:\nx = x * x\nend", STEPS),
        ("x = 1\nwhile True:\nx = x << 500\nend", STEPS),
        (
            "x = 3\nfor i in range(18):\nx = x * x\nend\nx = str(x)",
            STEPS,
        ),
        ("x = int('9' * 1000000)", STEPS),
        ("def f(): return f()\nf()", CALLS),
        (
            "def f():\nreturn [g() for a in [1]]\nend\ndef g():\nreturn f()\nend\nf()",
            CALLS,
        ),
        ("f = lambda g: g(g)\nf(f)", CALLS),
        (
            "def f():\nreturn sorted([1], key=lambda a: f())\nend\nf()",
            LIBRARY_CALLS,
        ),
        (
            "def f():\nreturn max([1], key=lambda a: f())\nend\nf()",
            LIBRARY_CALLS,
        ),
        (
            "x = []\nfor i in range(100):\nx = [x, x]\nend\nx = str(x)",
            STEPS,
        ),
        (
            "x = []\nfor i in range(20000):\nx = [x]\nend\nx = str(x)",
            NESTING,
        ),
        (
            "x = ()\nfor i in range(20000):\nx = (x,)\nend\nx = repr(x)",
            NESTING,
        ),
        (
            "x = 0\nfor i in range(100):\nx = (x, x)\nend\ny = {x: 1}",
            "a key consists of more than",
        ),
        (
            "x = [1] * 300\nfor i in range(8):\nx = [x] * 300\nend\ny = x == x + []",
            STEPS,
        ),
        ("def f(*a, **k): return 1\nf(*range(1000000000))", MEMORY),
        ("a, b = range(1000000000)", "too many values to unpack"),
        ("x = ' ' * 1000000\nwhile True:\nx.split()\nend", STEPS),
        ("x = ' ' * 1000000\nwhile True:\nx.strip()\nend", STEPS),
        ("x = 'a' * 1000000\nwhile True:\nx.find('b')\nend", STEPS),
        ("x = 'a' * 1000000\nwhile True:\n'b' in x\nend", STEPS),
        ("x = [0] * 100000\nwhile True:\n1 in x\nend", STEPS),
        ("x = [0] * 60000 + [1]\nwhile True:\nx.index(1)\nend", STEPS),
        ("x = [0] * 100000\nwhile True:\nx.insert(0, 1)\nend", STEPS),
        (
            "x = {i: i for i in range(20000)}\nwhile True:\nx.popitem()\nx[-1] = 1\nend",
            STEPS,
        ),
        ("x = 'a' * 100000\nwhile True:\nx == x + ''\nend", MEMORY),
        ("while True:\nf = lambda: 1\nend", STEPS),
        ("while True:\nzip(range(1000), range(1000))\nend", MEMORY),
        ("while True:\nenumerate(range(1000))\nend", MEMORY),
        ("x = range(1000000)\nwhile True:\nreversed(x)\nend", MEMORY),
        (
            "x = {i: i for i in range(10000)}\nwhile True:\nx.items()\nend",
            MEMORY,
        ),
        (
            "x = {i: i for i in range(10000)}\nwhile True:\nx == dict(x)\nend",
            MEMORY,
        ),
    ];
    let mut failures = Vec::new();
    for (text, budget) in rows {
        let found = stopped(text);
        if !found.contains(budget) {
            failures.push(format!("{text}\n  {found}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn nothing_catches_a_used_up_budget() {
    let text =
        "def f():\nwhile True:\nend\nend\nx = hasattr(f, 'a') or sorted([f], key=lambda g: g())";
    assert!(stopped(text).contains(STEPS));
}

#[test]
fn a_run_out_of_memory_stays_so() {
    // What could not be allocated is not paid for, so smaller things may still be.
    let text = "x = 'a' * 3000000\ny = 'b' * 3000000";
    assert!(stopped(text).contains(MEMORY));
}

#[test]
fn deep_values_are_made_and_dropped_without_using_the_stack() {
    let text = "x = []\nfor i in range(100000):\nx = [x]\nend\nx = {'a': x}\ny = (x,)\nx = 1";
    assert_eq!(run(text), "1");
    let text = "f = lambda: 1\ndef g(h):\nreturn lambda: h\nend\nfor i in range(100000):\nf = g(f)\nend\nx = 1";
    assert_eq!(run(text), "1");
}

#[test]
fn values_that_contain_themselves_are_freed() {
    let text = "x = []\nx.append(x)\ny = {}\ny['y'] = y\ny['z'] = [y, x]\ndef outer():\n  def inner(): return inner\n  return inner\nend\nz = outer()";
    let program = Program::parse(Arc::new(Source::of_code("f", text)), &[]).unwrap();
    let program = Arc::new(program);
    let before = Arc::strong_count(&program);
    let mut thread = Thread::new(Limits::INLINE);
    let exports = program.run(&mut thread, Vec::new()).unwrap();
    assert!(
        Arc::strong_count(&program) > before,
        "functions refer to their program"
    );
    assert_eq!(exports.get(b"x").unwrap().to_repr(), "[[...]]");
    drop(exports);
    drop(thread);
    assert_eq!(Arc::strong_count(&program), before, "no function is left");
}

#[test]
fn recursion_up_to_the_limit_is_fine() {
    let text = "def f(n): return 0 if n == 0 else 1 + f(n - 1)\nx = f(900)";
    assert_eq!(run(text), "900");
}
