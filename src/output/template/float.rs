//! Floating-point numbers as Go's `strconv` writes them.

/// Digits beyond this many are zeros in any exact expansion of a float64.
const MAX_DIGITS: usize = 1100;

/// Writes a number in a format of `e E f g G x X b`; without a precision, the shortest text that
/// reads back as the same number. A minus comes first, a plus never.
pub fn format(value: f64, verb: char, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value.is_infinite() {
        return format!("{}Inf", if sign.is_empty() { "+" } else { sign });
    }
    let value = value.abs();
    let text = match verb {
        'e' | 'E' => exponential(value, precision),
        'f' | 'F' => fixed(value, precision),
        'b' => binary(value),
        'x' | 'X' => hexadecimal(value, precision),
        _ => general(value, precision),
    };
    let text = if verb.is_ascii_uppercase() && verb != 'F' { text.to_ascii_uppercase() } else { text };
    format!("{sign}{text}")
}

/// Significant digits without trailing zeros, and the place of the decimal point before them.
struct Decimal {
    digits: String,
    point: i32,
}

impl Decimal {
    /// The digits of Rust's `1.25e-7`.
    fn of(scientific: &str) -> Self {
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
        let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
        let digits = digits.trim_end_matches('0').to_owned();
        let point = if digits.is_empty() { 0 } else { exponent.parse::<i32>().unwrap_or(0) + 1 };
        Self { digits, point }
    }

    fn len(&self) -> i32 {
        i32::try_from(self.digits.len()).unwrap_or(i32::MAX)
    }
}

/// `1.25e-07` with so many digits after the point.
fn exponential(value: f64, precision: Option<usize>) -> String {
    let shown = match precision {
        None => format!("{value:e}"),
        Some(precision) => format!("{value:.*e}", precision.min(MAX_DIGITS)),
    };
    let (mantissa, exponent) = shown.split_once('e').unwrap_or((&shown, "0"));
    let zeros = "0".repeat(precision.unwrap_or(0).saturating_sub(MAX_DIGITS));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{mantissa}{zeros}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

fn fixed(value: f64, precision: Option<usize>) -> String {
    match precision {
        None => format!("{value}"),
        Some(precision) => {
            let zeros = "0".repeat(precision.saturating_sub(MAX_DIGITS));
            format!("{value:.*}{zeros}", precision.min(MAX_DIGITS))
        }
    }
}

/// Like `f` for exponents from -4 up to the precision (21 for the shortest form), else like `e`.
fn general(value: f64, precision: Option<usize>) -> String {
    let (decimal, limit, kept) = match precision {
        None => {
            let decimal = Decimal::of(&format!("{value:e}"));
            let kept = decimal.len();
            (decimal, SHORTEST_LIMIT, kept)
        }
        Some(precision) => {
            let precision = precision.clamp(1, MAX_DIGITS);
            let decimal = Decimal::of(&format!("{value:.*e}", precision - 1));
            let wanted = i32::try_from(precision).unwrap_or(i32::MAX);
            let len = decimal.len();
            let limit = if wanted > len && len >= decimal.point { len } else { wanted };
            (decimal, limit, wanted.min(len))
        }
    };
    let exponent = decimal.point - 1;
    if exponent < -4 || exponent >= limit {
        return exponential(value, usize::try_from(kept - 1).ok().or(Some(0)));
    }
    let fraction = usize::try_from(decimal.len() - decimal.point).unwrap_or(0);
    fixed(value, Some(fraction))
}

/// The exponent at which the shortest general form becomes exponential.
const SHORTEST_LIMIT: i32 = 6;

/// The mantissa's 53 bits, and the exponent of the number as a float64 has it.
fn parts(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let mantissa = bits & ((1 << 52) - 1);
    let exponent = i32::try_from(bits >> 52 & 0x7ff).unwrap_or(0);
    if exponent == 0 { (mantissa, 1 - 1023) } else { (mantissa | 1 << 52, exponent - 1023) }
}

fn binary(value: f64) -> String {
    let (mantissa, exponent) = parts(value);
    format!("{mantissa}p{:+}", exponent - 52)
}

/// `0x1.8p+01`; a precision counts hexadecimal digits.
fn hexadecimal(value: f64, precision: Option<usize>) -> String {
    let (mantissa, mut exponent) = parts(value);
    // The leading 1 stands at bit 60, so that each digit is a nibble.
    let mut bits = mantissa << 8;
    if bits == 0 {
        exponent = 0;
    } else {
        let shift = bits.leading_zeros() - 3;
        bits <<= shift;
        exponent -= i32::try_from(shift).unwrap_or(0);
    }
    if let Some(precision) = precision.filter(|precision| *precision < 15) {
        let shift = u32::try_from(precision * 4).unwrap_or(56);
        let extra = (bits << shift) & ((1 << 60) - 1);
        bits >>= 60 - shift;
        if extra | (bits & 1) > 1 << 59 {
            bits += 1;
        }
        bits <<= 60 - shift;
        if bits & 1 << 61 != 0 {
            bits >>= 1;
            exponent += 1;
        }
    }
    let mut out = format!("0x{}", bits >> 60 & 1);
    let fraction = format!("{:015x}", bits & ((1 << 60) - 1));
    let fraction = match precision {
        None => fraction.trim_end_matches('0').to_owned(),
        Some(precision) => fraction.chars().chain(std::iter::repeat('0')).take(precision).collect(),
    };
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(&fraction);
    }
    out.push_str(&format!("p{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs()));
    out
}
