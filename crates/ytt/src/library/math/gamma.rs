//! The gamma function, which the standard library does not offer yet.
//!
//! Source: Go math/gamma.go, itself after the Cephes library.

use std::f64::consts::PI;

const P: [f64; 7] = [
    1.601_195_224_767_518_5e-4,
    1.191_351_470_065_863_8e-3,
    1.042_137_975_617_615_8e-2,
    4.763_678_004_571_372e-2,
    2.074_482_276_484_359_8e-1,
    4.942_148_268_014_971e-1,
    1.0,
];

const Q: [f64; 8] = [
    -2.315_818_733_241_201_4e-5,
    5.396_055_804_933_034e-4,
    -4.456_419_138_517_974e-3,
    1.181_397_852_220_604_3e-2,
    3.582_363_986_054_986e-2,
    -2.345_917_957_182_433_5e-1,
    7.143_049_170_302_734e-2,
    1.0,
];

const S: [f64; 5] = [
    7.873_113_957_930_937e-4,
    -2.295_499_616_133_781_3e-4,
    -2.681_326_178_057_812_4e-3,
    3.472_222_216_054_586_6e-3,
    8.333_333_333_334_822e-2,
];

/// The gamma function.
pub(super) fn gamma(x: f64) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_860_606_512_090_082_402_431;
    if is_negative_int(x) || x == f64::NEG_INFINITY || x.is_nan() {
        return f64::NAN;
    }
    if x == f64::INFINITY {
        return f64::INFINITY;
    }
    if x == 0.0 {
        return f64::INFINITY.copysign(x);
    }
    let magnitude = x.abs();
    if magnitude > 33.0 {
        return if x >= 0.0 {
            stirling(x)
        } else {
            reflected(magnitude)
        };
    }
    let mut x = x;
    let mut z = 1.0;
    while x >= 3.0 {
        x -= 1.0;
        z *= x;
    }
    while x < 0.0 {
        if x > -1e-09 {
            return z / ((1.0 + EULER * x) * x);
        }
        z /= x;
        x += 1.0;
    }
    while x < 2.0 {
        if x < 1e-09 {
            return z / ((1.0 + EULER * x) * x);
        }
        z /= x;
        x += 1.0;
    }
    #[expect(
        clippy::float_cmp,
        reason = "exactly two: beyond it the polynomials take over"
    )]
    if x == 2.0 {
        return z;
    }
    x -= 2.0;
    z * polynomial(&P, x) / polynomial(&Q, x)
}

fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients
        .iter()
        .fold(0.0, |sum, coefficient| sum * x + coefficient)
}

fn is_negative_int(x: f64) -> bool {
    x < 0.0 && x.fract() == 0.0
}

/// Stirling's formula, for large arguments.
fn stirling(x: f64) -> f64 {
    const SQRT_TWO_PI: f64 = 2.506_628_274_631_000_7;
    const MAX: f64 = 143.016_08;
    if x > 200.0 {
        return f64::INFINITY;
    }
    let w = 1.0 / x;
    let w = 1.0 + w * polynomial(&S, w);
    let e = x.exp();
    let power = if x > MAX {
        // Two steps, lest the power overflow.
        let half = x.powf(0.5 * x - 0.25);
        half * (half / e)
    } else {
        x.powf(x - 0.5) / e
    };
    SQRT_TWO_PI * power * w
}

/// Large negative arguments, by reflection.
fn reflected(magnitude: f64) -> f64 {
    let whole = magnitude.floor();
    let sign = if whole % 2.0 == 0.0 { -1.0 } else { 1.0 };
    let mut z = magnitude - whole;
    if z > 0.5 {
        z = magnitude - (whole + 1.0);
    }
    z = magnitude * (PI * z).sin();
    if z == 0.0 {
        return f64::INFINITY.copysign(sign);
    }
    sign * (PI / (z.abs() * stirling(magnitude)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_are_met() {
        let rows = [
            (1.0, 1.0),
            (2.0, 1.0),
            (5.0, 24.0),
            (0.5, 1.772_453_850_905_516),
        ];
        for (x, expected) in rows {
            assert!((gamma(x) - expected).abs() < 1e-12, "{x}: {}", gamma(x));
        }
        let rows = [
            (50.0, 6.082_818_640_342_675e62),
            (150.0, 3.808_922_637_630_559e260),
        ];
        for (x, expected) in rows {
            assert!(
                (gamma(x) / expected - 1.0f64).abs() < 1e-10,
                "{x}: {}",
                gamma(x)
            );
        }
        assert!((gamma(-1.5) - 2.363_271_801_207_355).abs() < 1e-12);
        assert!(gamma(-2.0).is_nan() && gamma(200.5).is_infinite());
        assert!(gamma(0.0).is_sign_positive() && gamma(-0.0).is_sign_negative());
    }
}
