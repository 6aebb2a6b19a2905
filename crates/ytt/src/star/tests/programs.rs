//! Statements, scopes, calls and the places that failures name.

use super::*;

#[test]
fn programs_give_what_they_should() {
    let rows = [
        ("x = 1 + 2 * 3", "7"),
        ("x = [a * 2 for a in range(5) if a % 2]", "[2, 6]"),
        (
            "def f(a, b=2, *c, **d): return [a, b, c, d]\nx = f(1, 3, 4, k=5)",
            r#"[1, 3, (4,), {"k": 5}]"#,
        ),
        (
            "x = []\nfor i in range(5):\nif i == 3:\nbreak\nend\nif i == 1:\ncontinue\nend\nx.append(i)\nend",
            "[0, 2]",
        ),
        ("x = 0\nwhile x < 5:\nx += 1\nend", "5"),
        ("a, (b, c) = 1, [2, 3]\nx = [c, b, a]", "[3, 2, 1]"),
        ("[a, b] = 'xy'.elems()\nx = a + b", "\"xy\""),
        (
            "x = {}\nx['a'] = 1\nx['a'] += 5\nx['b'] = x['a']",
            "{\"a\": 6, \"b\": 6}",
        ),
        ("x = [1]\ny = x\nx += [2]\nx = y", "[1, 2]"),
        ("x = (1,)\ny = x\nx += (2,)\nx = y", "(1,)"),
        (
            "def f():\n  a = 1\n  def g(): return a\n  a = 2\n  return g\nend\nx = f()()",
            "2",
        ),
        (
            "def f():\n  a = []\n  def g(b):\n    a.append(b)\n    return a\n  end\n  return g\nend\ng = f()\ng(1)\nx = g(2)",
            "[1, 2]",
        ),
        (
            "x = [lambda: i for i in range(3)]\nx = [f() for f in x]",
            "[2, 2, 2]",
        ),
        ("x = [i for i in range(3)]\ni = 7\nx = i", "7"),
        ("def f(x, y=len): return y(x)\nx = f('abc')", "3"),
        ("len = 5\nx = len", "5"),
        (
            "def f(): return later()\ndef later(): return 1\nx = f()",
            "1",
        ),
        ("x = 1 if [] else 2 if () else 3", "3"),
        (
            "if False:\nx = 1\nelif True:\nx = 2\nelse:\nx = 3\nend",
            "2",
        ),
        ("def f():\nend\nx = f()", "None"),
        ("def f(): return\nx = f()", "None"),
        ("x = [1, 2, 3]\nx[1] = 5\nx[-1] += 1", "[1, 5, 4]"),
        ("x = 1; y = 2; x = x + y", "3"),
        (
            "x = \"a\" \"b\".upper()",
            "\n- got string literal, want newline\n    f:1 | x = \"a\" \"b\".upper()",
        ),
        ("x = (1,\n  2,\n)", "(1, 2)"),
        ("def f(*, a, b=2): return (a, b)\nx = f(a=1)", "(1, 2)"),
        ("x = {k: v for k, v in {'a': 1}.items()}", "{\"a\": 1}"),
        ("x = not 1 in [1]", "False"),
        ("x = -2 % 3 + ~0", "0"),
        ("x = 10 - 2 - 3", "5"),
        ("x = 2 * 3 % 4", "2"),
        ("x = 1 < 2 and 2 < 3 or False", "True"),
        (
            "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\nx = fib(15)",
            "610",
        ),
        (
            "def f(a):\n  for b in a:\n    if b > 1:\n      return b\n    end\n  end\nend\nx = f([1, 2, 3])",
            "2",
        ),
        (
            "a = [1, 2]\nfor b in a:\nfor c in a:\nif c == 1:\nbreak\nend\nend\nend\na.append(3)\nx = a",
            "[1, 2, 3]",
        ),
    ];
    for (text, expected) in rows {
        assert_eq!(run(text), expected, "{text}");
    }
}

#[test]
fn failures_name_their_calls() {
    assert_eq!(
        run("def f(a):\n  return a + 'x'\nend\ny = f(\n 1)"),
        "\n- unknown binary op: int + string\n    in f\n      f:2 |   return a + 'x'\n    in <toplevel>\n      f:4 | y = f("
    );
    assert_eq!(
        run("x = sorted([1, 2], key=lambda a: a.b)"),
        "\n- int has no .b field or method\n    in lambda\n      f:1 | x = sorted([1, 2], key=lambda a: a.b)\n    in <toplevel>\n      f:1 | x = sorted([1, 2], key=lambda a: a.b)"
    );
    assert_eq!(
        run("def f(a):\n\n  return a\nend\nf()"),
        "\n- function f missing 1 argument (a)\n    in f\n      f:3 |   return a\n    in <toplevel>\n      f:5 | f()"
    );
}

/// The lines of a report that name messages.
fn messages(text: &str) -> String {
    let report = run(text);
    let lines = report.lines().filter_map(|line| line.strip_prefix("- "));
    lines.collect::<Vec<_>>().join(" | ")
}

#[test]
fn what_cannot_run_is_refused_before_it_runs() {
    let rows = [
        ("x = a\ny = b", "undefined: a | undefined: b"),
        ("abc = 1\nx = abd", "undefined: abd (did you mean abc?)"),
        (
            "def f(): return abd\nabc = 1",
            "undefined: abd (did you mean abc?)",
        ),
        (
            "x = true",
            "undefined: true (hint: use 'True' instead of 'true' for boolean assignment)",
        ),
        ("return 1", "return statement not within a function"),
        ("break", "break not in a loop"),
        ("if True: continue\nend", "unexpected end"),
        (
            "def f(): load('a', 'b')\n",
            "load statement within a function",
        ),
        (
            "load('a', '_b')",
            "load: names with leading underscores are not exported: _b",
        ),
        ("load('a', '')", "load: empty identifier"),
        ("1 = 2", "can't assign to literal"),
        ("f() = 2", "can't assign to callexpr"),
        ("() = 2", "can't assign to ()"),
        ("[] = 2", "can't assign to []"),
        (
            "a, b += 1, 2",
            "can't use tuple expression in augmented assignment",
        ),
        (
            "[a] += [1]",
            "can't use list expression in augmented assignment",
        ),
        ("def f(a, a): return a", "duplicate parameter: a"),
        (
            "def f(a=1, b): return a",
            "required parameter may not follow optional",
        ),
        (
            "def f(*a, *b): return a",
            "multiple * parameters not allowed",
        ),
        (
            "def f(**a, **b): return b",
            "multiple ** parameters not allowed",
        ),
        (
            "def f(**a, b): return a",
            "required parameter may not follow **a",
        ),
        (
            "def f(**a, b=1): return a",
            "optional parameter may not follow **a",
        ),
        ("def f(**a, *b): return a", "* parameter may not follow **a"),
        (
            "def f(a, *): return a",
            "bare * must be followed by keyword-only parameters",
        ),
        ("len(a=1, a=2)", "keyword argument a repeated"),
        ("len(a=1, 2)", "positional argument may not follow named"),
        ("len(*[1], 2)", "argument may not follow *args"),
        ("len(**{}, a=1)", "argument may not follow **kwargs"),
        ("len(**{}, *[])", "*args may not follow **kwargs"),
        ("len(*[], *[])", "multiple *args not allowed"),
        ("len(**{}, **{})", "multiple **kwargs not allowed"),
        ("x = y\ny = 1", "undefined: y"),
        ("def f(): return g\n", "undefined: g"),
        ("x = [y for y in y]", "undefined: y"),
    ];
    for (text, expected) in rows {
        assert_eq!(messages(text), expected, "{text}");
    }
    let many = format!("len({})", vec!["1"; 256].join(", "));
    assert_eq!(
        messages(&many),
        "256 positional arguments in call, limit is 255"
    );
}

#[test]
fn what_fails_fails_with_the_text_of_the_original() {
    let rows = [
        (
            "def f():\n  a = b\n  b = 1\nend\nf()",
            "local variable b referenced before assignment",
        ),
        (
            "def f(): return a\nf()\na = 1",
            "global variable a referenced before assignment",
        ),
        (
            "def f():\n  def g(): return a\n  g()\n  a = 1\nend\nf()",
            "local variable a referenced before assignment",
        ),
        (
            "a, b = 1, 2, 3",
            "too many values to unpack (got 3, want 2)",
        ),
        ("a, b = 1,", "unparenthesized tuple with trailing comma"),
        ("a, b = (1,)", "too few values to unpack (got 1, want 2)"),
        ("a, b = 5", "got int in sequence assignment"),
        ("for a in 5: b = a\nend", "unexpected end"),
        ("for a in 5:\nend", "int value is not iterable"),
        ("for a, b in [1]:\nend", "got int in sequence assignment"),
        (
            "'abc'[0] = 1",
            "string value does not support item assignment",
        ),
        (
            "(1, 2)[0] = 1",
            "tuple value does not support item assignment",
        ),
        ("[1][5] = 1", "list index 5 out of range [-1:0]"),
        ("[][0] = 1", "index 0 out of range: empty list"),
        ("[1]['a'] = 1", "got string, want int"),
        ("{}[[]] = 1", "unhashable type: list"),
        ("x = 'a'\nx.b = 1", "can't assign to .b field of string"),
        ("x = {}\nx.b += 1", "dict has no .b field or method"),
        (
            "a = [1]\nfor b in a:\na.append(1)\nend",
            "append: cannot append to list during iteration",
        ),
        (
            "a = [1]\nfor b in a:\na[0] = 1\nend",
            "cannot assign to element of list during iteration",
        ),
        (
            "a = [1]\nfor b in a:\na += [1]\nend",
            "cannot apply += to list during iteration",
        ),
        (
            "a = {1: 2}\nfor b in a:\na[2] = 1\nend",
            "cannot insert into hash table during iteration",
        ),
        (
            "a = {1: 2}\nfor b in a:\na.pop(1)\nend",
            "pop: cannot delete from hash table during iteration",
        ),
        (
            "a = {1: 2}\nfor b in a:\na.clear()\nend",
            "cannot clear hash table during iteration",
        ),
        (
            "a = [1]\nx = [a.pop() for b in a]",
            "pop: cannot pop from list during iteration",
        ),
        ("load('a', 'b')", "load not implemented by this application"),
        (
            "x = 1 | None",
            "unknown binary op: int | NoneType (hint: use 'or' instead of '|' for logical-or)",
        ),
        (
            "x = 1 && 2",
            "got '&', want primary expression (hint: use 'and' instead of '&&' for logical-and)",
        ),
        (
            "x = 1 || 2",
            "got '|', want primary expression (hint: use 'or' instead of '||' for logical-or)",
        ),
        (
            "if True\nend",
            "got newline, want ':' (hint: missing colon at the end of 'if/for/def' statement?)",
        ),
    ];
    for (text, expected) in rows {
        assert_eq!(messages(text), expected, "{text}");
    }
}

#[test]
fn exported_containers_are_frozen_and_private_names_stay() {
    let text = "a = [1]\nb = {'c': [2]}\n_hidden = 1\ndef f(): return _hidden";
    let program = Arc::new(Program::parse(Arc::new(Source::of_code("f", text)), &[]).unwrap());
    let mut thread = Thread::new(Limits::INLINE);
    let exports = program.run(&mut thread, Vec::new()).unwrap();
    assert!(exports.get(b"_hidden").is_none());
    let user = "def f(a, b):\n  b['c'].append(1)\nend";
    let user = Arc::new(Program::parse(Arc::new(Source::of_code("g", user)), &[]).unwrap());
    let user = user.run(&mut thread, Vec::new()).unwrap();
    let args = [
        exports.get(b"a").unwrap().clone(),
        exports.get(b"b").unwrap().clone(),
    ];
    let error = thread
        .call(user.get(b"f").unwrap(), &args, &[])
        .unwrap_err();
    assert_eq!(error.message(), "append: cannot append to frozen list");
    let hidden = thread.call(exports.get(b"f").unwrap(), &[], &[]).unwrap();
    assert_eq!(hidden.to_repr(), "1");
}

#[test]
fn programs_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Program>();
    shared::<SyntaxErrors>();
}
