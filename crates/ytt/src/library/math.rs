//! `@ytt:math`.
//!
//! Results may differ from the original's in the last bit: neither promises more, and the first
//! use says so. Source: ytt pkg/yttlibrary/math.go.

mod gamma;

use std::f64::consts::{E, PI};

use super::arguments::number;
use crate::star::{Args, Error, Native, Str, Thread, Value};

/// Printed at the first use.
const WARNING: &str = "\nWarning: a function from the @ytt:math module is used in this \
                       invocation; this module does not guarantee bit-identical results across \
                       CPU architectures.";

/// Makes a function of one number.
macro_rules! unary {
    ($name:literal, $function:expr) => {
        (
            $name,
            Native::wrapping($name, |thread, args| {
                warn(thread);
                let [x] = args.positional else {
                    return Err(Error::new("expected exactly one argument"));
                };
                let function: fn(f64) -> f64 = $function;
                Ok(Value::Float(function(number(x)?)))
            }),
        )
    };
}

/// Makes a function of two numbers.
macro_rules! binary {
    ($name:literal, $shown:literal, $function:expr) => {
        (
            $name,
            Native::wrapping($shown, |thread, args| {
                warn(thread);
                let [x, y] = args.positional else {
                    return Err(Error::new("expected exactly two arguments"));
                };
                let function: fn(f64, f64) -> f64 = $function;
                Ok(Value::Float(function(number(x)?, number(y)?)))
            }),
        )
    };
}

/// The functions of the module.
pub(super) static MEMBERS: &[(&str, Native)] = &[
    ("ceil", Native::wrapping("ceil", ceil)),
    binary!("copysign", "copysign", f64::copysign),
    unary!("fabs", f64::abs),
    ("floor", Native::wrapping("floor", floor)),
    // The original calls it by the wrong name in messages.
    binary!("mod", "round", |x, y| x % y),
    binary!("pow", "pow", f64::powf),
    binary!("remainder", "remainder", remainder),
    unary!("round", f64::round),
    unary!("exp", f64::exp),
    unary!("sqrt", f64::sqrt),
    unary!("acos", f64::acos),
    unary!("asin", f64::asin),
    unary!("atan", f64::atan),
    binary!("atan2", "atan2", f64::atan2),
    unary!("cos", f64::cos),
    binary!("hypot", "hypot", hypot),
    unary!("sin", f64::sin),
    unary!("tan", f64::tan),
    unary!("degrees", |x| 360.0 * x / (2.0 * PI)),
    unary!("radians", |x| 2.0 * PI * x / 360.0),
    unary!("acosh", f64::acosh),
    unary!("asinh", f64::asinh),
    unary!("atanh", f64::atanh),
    unary!("cosh", f64::cosh),
    unary!("sinh", f64::sinh),
    unary!("tanh", f64::tanh),
    ("log", Native::new("log", log)),
    unary!("gamma", gamma::gamma),
];

/// The constants of the module.
pub(super) fn constants() -> Vec<(Str, Value)> {
    vec![
        ("e".into(), Value::Float(E)),
        ("pi".into(), Value::Float(PI)),
    ]
}

fn warn(thread: &mut Thread) {
    thread.print_once(WARNING);
}

fn log(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    warn(thread);
    args.check(1, 2)?;
    let x = number(&args.positional[0])?;
    let base = args.positional.get(1).map_or(Ok(E), number)?;
    Ok(Value::Float(x.ln() / base.ln()))
}

fn ceil(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    rounded(thread, args, f64::ceil)
}

fn floor(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    rounded(thread, args, f64::floor)
}

fn rounded(thread: &mut Thread, args: &Args<'_>, round: fn(f64) -> f64) -> Result<Value, Error> {
    warn(thread);
    args.check(1, 1)?;
    match &args.positional[0] {
        int @ (Value::Int(_) | Value::Big(_)) => Ok(int.clone()),
        Value::Float(value) if value.is_nan() => {
            Err(Error::new("cannot convert float NaN to integer"))
        }
        Value::Float(value) => {
            let rounded = Value::Float(round(*value)).number_to_int();
            rounded.ok_or_else(|| Error::new("cannot convert float infinity to integer"))
        }
        other => Err(Error::new(format!(
            "expected float value, but was {}",
            other.go_type()
        ))),
    }
}

/// As Go computes it, which is not exact to the last bit.
///
/// Source: Go math/hypot.go.
fn hypot(x: f64, y: f64) -> f64 {
    if x.is_infinite() || y.is_infinite() {
        return f64::INFINITY;
    }
    if x.is_nan() || y.is_nan() {
        return f64::NAN;
    }
    let (x, y) = (x.abs(), y.abs());
    let (long, short) = if x < y { (y, x) } else { (x, y) };
    if long == 0.0 {
        return 0.0;
    }
    let ratio = short / long;
    long * (1.0 + ratio * ratio).sqrt()
}

/// The IEEE 754 remainder: `x` less the multiple of `y` nearest to it, the even one if two are.
fn remainder(x: f64, y: f64) -> f64 {
    if x.is_nan() || y.is_nan() || x.is_infinite() || y == 0.0 {
        return f64::NAN;
    }
    if y.is_infinite() {
        return x;
    }
    let y = y.abs();
    let mut rest = x.abs();
    if y <= f64::MAX / 2.0 {
        rest %= 2.0 * y;
    }
    // The two halves of the comparison avoid overflow and underflow.
    if y < f64::MIN_POSITIVE * 2.0 {
        if rest + rest > y {
            rest -= y;
            if rest + rest >= y {
                rest -= y;
            }
        }
    } else if rest > 0.5 * y {
        rest -= y;
        if rest >= 0.5 * y {
            rest -= y;
        }
    }
    if x.is_sign_negative() { -rest } else { rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remainders_go_to_the_nearest_multiple() {
        // Expected values come from Go 1.26.
        let rows = [
            (5.0, 3.0, -1.0),
            (-5.0, 3.0, 1.0),
            (4.0, 3.0, 1.0),
            (2.5, 1.0, 0.5),
            (3.5, 1.0, -0.5),
            (10.0, 4.0, 2.0),
            (6.0, 4.0, -2.0),
            (7.0, f64::INFINITY, 7.0),
        ];
        for (x, y, expected) in rows {
            assert_eq!(remainder(x, y).to_bits(), f64::to_bits(expected), "{x} {y}");
        }
        assert!(remainder(1.0, 0.0).is_nan());
    }
}
