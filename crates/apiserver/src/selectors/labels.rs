//! Label selectors: `app in (a,b),tier!=q,!old`.
//!
//! Source: apimachinery `pkg/labels/selector.go`, v1.36.

use crate::names;

/// Requirements that must all hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct LabelSelector(Vec<Requirement>);

#[derive(Debug, Clone)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Exists,
    Missing,
    In(Vec<String>),
    NotIn(Vec<String>),
    Above(i64),
    Below(i64),
}

impl LabelSelector {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser {
            tokens: lex(text),
            at: 0,
        };
        let mut requirements = vec![];
        if parser.peek() == &Token::End {
            return Ok(Self::default());
        }
        loop {
            requirements.push(parser.requirement()?);
            match parser.next() {
                Token::End => return Ok(Self(requirements)),
                Token::Comma => match parser.peek() {
                    Token::Word(_) | Token::Not => {}
                    other => {
                        return Err(format!(
                            "found '{}', expected: identifier after ','",
                            other.text()
                        ));
                    }
                },
                other => {
                    return Err(format!(
                        "found '{}', expected: ',' or 'end of string'",
                        other.text()
                    ));
                }
            }
        }
    }

    pub(crate) fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn matches<'a>(&self, get: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|requirement| {
            let value = get(&requirement.key);
            let number = || value.and_then(|value| value.parse::<i64>().ok());
            match &requirement.test {
                Test::Exists => value.is_some(),
                Test::Missing => value.is_none(),
                Test::In(values) => value.is_some_and(|v| values.iter().any(|other| other == v)),
                Test::NotIn(values) => value.is_none_or(|v| values.iter().all(|other| other != v)),
                Test::Above(than) => number().is_some_and(|number| number > *than),
                Test::Below(than) => number().is_some_and(|number| number < *than),
            }
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Comma,
    Open,
    Close,
    Not,
    Operator(&'static str),
    End,
}

impl Token {
    fn text(&self) -> &str {
        match self {
            Self::Word(word) => word,
            Self::Comma => ",",
            Self::Open => "(",
            Self::Close => ")",
            Self::Not => "!",
            Self::Operator(text) => text,
            Self::End => "",
        }
    }
}

fn lex(text: &str) -> Vec<Token> {
    let mut tokens = vec![];
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let fixed = [
            ("==", Token::Operator("==")),
            ("!=", Token::Operator("!=")),
            ("=", Token::Operator("=")),
            (">", Token::Operator(">")),
            ("<", Token::Operator("<")),
            ("!", Token::Not),
            (",", Token::Comma),
            ("(", Token::Open),
            (")", Token::Close),
        ];
        if let Some((sign, token)) = fixed.into_iter().find(|(sign, _)| rest.starts_with(sign)) {
            tokens.push(token);
            rest = &rest[sign.len()..];
        } else if c.is_whitespace() {
            rest = &rest[c.len_utf8()..];
        } else {
            let stops = |c: char| c.is_whitespace() || "=!(),<>".contains(c);
            let end = rest.find(stops).unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
    }
    tokens.push(Token::End);
    tokens
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let negated = *self.peek() == Token::Not;
        if negated {
            self.at += 1;
        }
        let key = match self.next() {
            Token::Word(word) => word,
            other => return Err(format!("found '{}', expected: identifier", other.text())),
        };
        if let Some(problem) = names::qualified_name(&key).into_iter().next() {
            return Err(format!("key: Invalid value: \"{key}\": {problem}"));
        }
        if negated {
            return match self.peek() {
                Token::End | Token::Comma => Ok(Requirement {
                    key,
                    test: Test::Missing,
                }),
                other => Err(format!(
                    "found '{}', expected: ',' or 'end of string'",
                    other.text()
                )),
            };
        }
        let test = match self.peek().clone() {
            Token::End | Token::Comma => Test::Exists,
            token => {
                self.at += 1;
                self.test(&token)?
            }
        };
        Ok(Requirement { key, test })
    }

    fn test(&mut self, operator: &Token) -> Result<Test, String> {
        match operator {
            Token::Operator("=" | "==") => Ok(Test::In(vec![self.value()?])),
            Token::Operator("!=") => Ok(Test::NotIn(vec![self.value()?])),
            Token::Operator(sign @ (">" | "<")) => {
                let text = self.value()?;
                let number = text.parse().map_err(|_| {
                    "for 'Gt', 'Lt' operators, the value must be an integer".to_owned()
                })?;
                Ok(if *sign == ">" {
                    Test::Above(number)
                } else {
                    Test::Below(number)
                })
            }
            Token::Word(word) if word == "in" => Ok(Test::In(self.values()?)),
            Token::Word(word) if word == "notin" => Ok(Test::NotIn(self.values()?)),
            other => Err(format!(
                "found '{}', expected: in, notin, =, ==, !=, gt, lt",
                other.text()
            )),
        }
    }

    /// One value, possibly empty.
    fn value(&mut self) -> Result<String, String> {
        match self.peek().clone() {
            Token::End | Token::Comma => Ok(String::new()),
            Token::Word(word) => {
                self.at += 1;
                checked(word)
            }
            other => Err(format!("found '{}', expected: identifier", other.text())),
        }
    }

    /// `(a,b)`; an empty place between commas is the empty value.
    fn values(&mut self) -> Result<Vec<String>, String> {
        match self.next() {
            Token::Open => {}
            other => return Err(format!("found '{}' expected: '('", other.text())),
        }
        let mut values = vec![];
        let mut expects_value = true;
        loop {
            match self.next() {
                Token::Word(word) if expects_value => {
                    values.push(checked(word)?);
                    expects_value = false;
                }
                Token::Comma => {
                    if expects_value {
                        values.push(String::new());
                    }
                    expects_value = true;
                }
                Token::Close => {
                    if expects_value {
                        values.push(String::new());
                    }
                    return Ok(values);
                }
                other => {
                    return Err(format!(
                        "found '{}', expected: ',', or identifier",
                        other.text()
                    ));
                }
            }
        }
    }
}

fn checked(value: String) -> Result<String, String> {
    match names::label_value(&value).into_iter().next() {
        None => Ok(value),
        Some(problem) => Err(format!(
            "values[0][]: Invalid value: \"{value}\": {problem}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(selector: &str, labels: &[(&str, &'static str)]) -> bool {
        LabelSelector::parse(selector)
            .unwrap()
            .matches(|key| labels.iter().find(|(k, _)| *k == key).map(|(_, v)| *v))
    }

    #[test]
    fn every_operator() {
        let labels = [("app", "a"), ("n", "5"), ("e", "")];
        for yes in [
            "",
            "app=a",
            "app == a",
            "app in (a, b)",
            "tier!=q",
            "tier notin (q)",
            "app",
            "!tier",
            "n>4",
            "n<6",
            "app in (a,b),tier!=q",
            "e=",
            "e in ()",
            "e",
        ] {
            assert!(matches(yes, &labels), "{yes}");
        }
        for no in [
            "app=b",
            "app!=a",
            "app notin (a)",
            "!app",
            "tier",
            "n>5",
            "app>4",
            "tier=",
            "e in (x)",
        ] {
            assert!(!matches(no, &labels), "{no}");
        }
    }

    #[test]
    fn problems_are_told_as_by_kubernetes() {
        let error = |text: &str| LabelSelector::parse(text).unwrap_err();
        assert_eq!(error("a==="), "found '=', expected: identifier");
        assert_eq!(error("a,"), "found '', expected: identifier after ','");
        assert_eq!(error("a in b"), "found 'b' expected: '('");
        assert!(error("a b").contains("expected: in, notin, =, ==, !=, gt, lt"));
        assert!(error("a=-b").contains("a valid label must be"));
    }
}
