//! Quantities: `500m`, `1Gi`, `1e3`. Exact, and written in the canonical form of `resource.Quantity`.

use std::cmp::Ordering;
use std::fmt;

/// A billion: quantities are kept in billionths, the finest that the API knows.
const NANO: i128 = 1_000_000_000;
/// The largest quantity in binary notation: that of an `int64`.
const MOST: i128 = i64::MAX as i128 * NANO;

/// The notation in which a quantity was written, and will be again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Notation {
    /// `n u m k M G T P E`
    #[default]
    DecimalSi,
    /// `Ki Mi Gi Ti Pi Ei`
    BinarySi,
    /// `1e3`
    DecimalExponent,
}

/// An amount of a resource. Two are equal when their amounts are, whatever the notation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quantity {
    nanos: i128,
    notation: Notation,
}

/// Why a text is not a quantity, in the words of the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuantityError {
    /// It does not have the form at all.
    Format,
    /// Its number cannot be read.
    Numeric,
    /// Its suffix is none.
    Suffix,
}

impl fmt::Display for QuantityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Format => {
                "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            }
            Self::Numeric => "unable to parse numeric part of quantity",
            Self::Suffix => "unable to parse quantity's suffix",
        })
    }
}

impl std::error::Error for QuantityError {}

const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
const BINARY: [(&str, u32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];

impl Quantity {
    /// Reads a quantity. What is finer than a billionth is rounded up; what is too large is cut down.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        if text.is_empty() {
            return Err(QuantityError::Format);
        }
        let (negative, unsigned) = match text.as_bytes() {
            [b'-', ..] => (true, text.get(1..).unwrap_or("")),
            [b'+', ..] => (false, text.get(1..).unwrap_or("")),
            _ => (false, text),
        };
        let (whole, rest) = split_while(unsigned, |byte| byte.is_ascii_digit());
        let (fraction, rest) = match rest.strip_prefix('.') {
            Some(rest) => split_while(rest, |byte| byte.is_ascii_digit()),
            None => ("", rest),
        };
        let suffix = rest;
        let (letters, rest) = split_while(rest, |byte| b"eEinumkKMGTP".contains(&byte));
        let exponent = rest.strip_prefix(['-', '+']).unwrap_or(rest);
        if !exponent.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(QuantityError::Format);
        }
        let (notation, ten_to, two_to) = if let Some((_, power)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
            (Notation::DecimalSi, *power, 0)
        } else if let Some((_, power)) = BINARY.iter().find(|(name, _)| *name == suffix) {
            (Notation::BinarySi, 0, *power)
        } else if matches!(letters, "e" | "E") && suffix.len() > 1 {
            let power: i64 = suffix.get(1..).unwrap_or("").parse().map_err(|_| QuantityError::Suffix)?;
            (Notation::DecimalExponent, i32::try_from(power.clamp(-10_000, 10_000)).unwrap_or(0), 0)
        } else {
            return Err(QuantityError::Suffix);
        };
        if whole.is_empty() && fraction.is_empty() && (unsigned.is_empty() || unsigned.starts_with('.')) {
            return Err(QuantityError::Numeric);
        }
        let mut nanos = nanos_of(whole, fraction, ten_to, two_to);
        let mut notation = notation;
        if notation == Notation::BinarySi {
            nanos = nanos.min(MOST);
            if 0 < nanos && nanos < NANO {
                notation = Notation::DecimalSi;
            }
        }
        Ok(Self { nanos: if negative { -nanos } else { nanos }, notation })
    }

    /// A whole amount.
    pub fn from_int(value: i64, notation: Notation) -> Self {
        Self { nanos: i128::from(value) * NANO, notation }
    }

    /// Thousandths, in decimal notation.
    pub fn from_milli(value: i64) -> Self {
        Self { nanos: i128::from(value) * (NANO / 1000), notation: Notation::DecimalSi }
    }

    /// The whole amount, rounded away from zero.
    pub fn value(self) -> i64 {
        round_out(self.nanos, NANO)
    }

    /// The amount in thousandths, rounded away from zero.
    pub fn milli_value(self) -> i64 {
        round_out(self.nanos, NANO / 1000)
    }

    /// The amount, near enough for ratios.
    pub fn as_f64(self) -> f64 {
        self.nanos as f64 / NANO as f64
    }

    /// The notation in which it will be written.
    pub fn notation(self) -> Notation {
        self.notation
    }

    /// -1, 0 or 1.
    pub fn sign(self) -> i32 {
        match self.nanos.cmp(&0) {
            Ordering::Less => -1,
            Ordering::Equal => 0,
            Ordering::Greater => 1,
        }
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.nanos == 0
    }

    /// Whether it is a whole amount.
    pub fn is_whole(self) -> bool {
        self.nanos % NANO == 0
    }

    /// The sum, in this quantity's notation (the other's, where this is nothing).
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let notation = if self.is_zero() { other.notation } else { self.notation };
        Self { nanos: self.nanos.saturating_add(other.nanos), notation }
    }

    /// The difference, in this quantity's notation (the other's, where this is nothing).
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        let notation = if self.is_zero() { other.notation } else { self.notation };
        Self { nanos: self.nanos.saturating_sub(other.nanos), notation }
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl std::str::FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Quantity {
    /// The canonical form: no fraction, the largest suffix with which there is none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return f.write_str("0");
        }
        let small = self.nanos.abs() < 1024 * NANO;
        if self.notation == Notation::BinarySi && !small && self.is_whole() {
            let mut amount = self.nanos / NANO;
            let mut suffix = "";
            for (name, _) in BINARY {
                if amount % 1024 != 0 {
                    break;
                }
                amount /= 1024;
                suffix = name;
            }
            return write!(f, "{amount}{suffix}");
        }
        let mut amount = self.nanos;
        let mut power = -9;
        while amount % 1000 == 0 {
            amount /= 1000;
            power += 3;
        }
        if self.notation == Notation::DecimalExponent {
            return if power == 0 { write!(f, "{amount}") } else { write!(f, "{amount}e{power}") };
        }
        // No suffix is larger than E.
        while power > 18 {
            amount = amount.saturating_mul(1000);
            power -= 3;
        }
        let suffix = DECIMAL.iter().find(|(_, of)| *of == power).map_or("", |(name, _)| name);
        write!(f, "{amount}{suffix}")
    }
}

/// A quantity's text in canonical form, as the server stores it; what is none stays as it is.
pub fn canonical(text: &str) -> String {
    Quantity::parse(text).map_or_else(|_| text.to_owned(), |quantity| quantity.to_string())
}

fn split_while(text: &str, keep: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|byte| !keep(byte)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn round_out(nanos: i128, unit: i128) -> i64 {
    let rounded = nanos / unit + (nanos % unit).signum();
    i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
}

/// `WHOLE.FRACTION * 10^ten_to * 2^two_to` in billionths, rounded up, as much as fits.
fn nanos_of(whole: &str, fraction: &str, ten_to: i32, two_to: u32) -> i128 {
    const LIMIT: i128 = i128::MAX / 4;
    // With digits D of value V, and P the power of ten of the last digit: V * 10^P.
    let mut mantissa: i128 = 1 << two_to;
    let digits = whole.bytes().chain(fraction.bytes());
    let mut value: i128 = 0;
    let mut power = ten_to + 9 - i32::try_from(fraction.len()).unwrap_or(i32::MAX / 2);
    let mut dropped = false;
    for digit in digits {
        let digit = i128::from(digit - b'0');
        match value.checked_mul(10).and_then(|value| value.checked_add(digit)).filter(|value| *value < LIMIT) {
            Some(next) if !dropped => value = next,
            _ => {
                // Beyond what fits: only the size and whether something follows matter.
                dropped = true;
                power += 1;
            }
        }
    }
    if value == 0 {
        return 0;
    }
    while power < 0 {
        // Twos first, so that binary fractions stay exact.
        if mantissa > 1 && value.checked_mul(2).is_some_and(|value| value < LIMIT) {
            value *= 2;
            mantissa /= 2;
            continue;
        }
        dropped |= value % 10 != 0;
        value /= 10;
        power += 1;
        if value == 0 {
            break;
        }
    }
    while power > 0 {
        match value.checked_mul(10).filter(|value| *value < LIMIT) {
            Some(next) => value = next,
            None => return LIMIT,
        }
        power -= 1;
    }
    match value.checked_mul(mantissa).filter(|value| *value < LIMIT) {
        Some(value) => value + i128::from(dropped),
        None => LIMIT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn writes_the_canonical_form() {
        for (text, want) in [
            ("0", "0"),
            ("0.5", "500m"),
            ("+1", "1"),
            ("-1", "-1"),
            ("1000m", "1"),
            ("1500m", "1500m"),
            ("1.5", "1500m"),
            ("1024Ki", "1Mi"),
            ("1Gi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("0.5Ki", "512"),
            ("512Ki", "512Ki"),
            ("1025", "1025"),
            ("1000", "1k"),
            ("1000000", "1M"),
            ("128974848", "128974848"),
            ("129e6", "129e6"),
            ("1e3", "1e3"),
            ("12e4", "120e3"),
            ("1E", "1E"),
            ("1E3", "1e3"),
            ("0.1n", "1n"),
            ("1.0000000001", "1000000001n"),
            ("100Ei", "9223372036854775807"),
            ("0.1Gi", "107374182400m"),
            ("1u", "1u"),
            ("007", "7"),
            ("1.", "1"),
            (".5", "500m"),
            ("1Ti", "1Ti"),
        ] {
            assert_eq!(Quantity::parse(text).map(|q| q.to_string()), Ok(want.to_owned()), "{text}");
        }
    }

    #[test]
    fn refuses() {
        for (text, want) in [
            ("", QuantityError::Format),
            ("1.1.1", QuantityError::Format),
            ("1 ", QuantityError::Format),
            ("1Mib", QuantityError::Format),
            ("abc", QuantityError::Format),
            ("1mM", QuantityError::Suffix),
            ("1i", QuantityError::Suffix),
            ("1e", QuantityError::Suffix),
        ] {
            assert_eq!(Quantity::parse(text), Err(want), "{text}");
        }
    }

    #[test]
    fn counts() {
        let q = |text| Quantity::parse(text).expect(text);
        assert_eq!(q("1500m").value(), 2);
        assert_eq!(q("1500m").milli_value(), 1500);
        assert_eq!(q("1.0001m").milli_value(), 2);
        assert!(q("1Gi") > q("1G"));
        assert_eq!(q("1"), q("1000m"));
        assert_eq!(q("1Gi").plus(q("512Mi")).to_string(), "1536Mi");
        assert_eq!(q("0").plus(q("512Mi")).to_string(), "512Mi");
        assert_eq!(q("1").minus(q("250m")).to_string(), "750m");
    }

    proptest! {
        #[test]
        fn never_panics(text in "[-+0-9.eEinumkKMGTP]{0,20}|\\PC{0,8}") {
            if let Ok(quantity) = Quantity::parse(&text) {
                let text = quantity.to_string();
                prop_assert_eq!(Quantity::parse(&text).map(|q| q.to_string()), Ok(text));
            }
        }

        #[test]
        fn whole_numbers_are_exact(value in any::<i64>()) {
            prop_assert_eq!(Quantity::parse(&value.to_string()).map(Quantity::value), Ok(value));
        }
    }
}
