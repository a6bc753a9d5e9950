//! One value in one verb, with its flags, width and precision.

use serde_json::Value as Json;

use super::float;
use super::value::{Slice, Text, Value};
use crate::go::quote::{can_backquote, is_printable, quote_bytes, quote_char, runes};

/// Flags, width and precision of a verb.
#[derive(Clone, Copy, Default)]
pub(super) struct Spec {
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
    pub(super) plus: bool,
    pub(super) minus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    /// `%#v`: Go syntax.
    pub(super) sharp_v: bool,
}

/// The Go type of an argument, which is never an element any more.
pub(super) fn type_name(arg: &Value<'_>) -> &'static str {
    match arg {
        Value::Element(json) => Value::of(json).type_name(),
        other => other.type_name(),
    }
}

/// How integers are written.
#[derive(Clone, Copy)]
enum Base {
    Binary,
    Octal,
    Decimal,
    Hex,
}

/// Writes one argument.
pub(super) struct Printer<'o> {
    pub(super) out: &'o mut Vec<u8>,
    pub(super) spec: Spec,
}

impl<'o> Printer<'o> {
    pub(super) fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, spec: Spec::default() }
    }

    pub(super) fn arg(&mut self, arg: &Value<'_>, verb: char) {
        match (arg, verb) {
            (Value::Element(json), _) => self.arg(&Value::of(json), verb),
            (Value::Nothing, 'v' | 'T') => self.pad(b"<nil>"),
            (_, 'T') => self.text(arg.type_name().as_bytes()),
            (Value::Map(map), 'p') => self.address(std::ptr::from_ref(*map).addr()),
            (Value::Slice(slice), 'p') => self.address(std::ptr::from_ref(slice.get(0)).addr()),
            // `w` wraps errors, which nothing here is.
            (Value::Map(_) | Value::Slice(_), 'w') => self.bad_verb(arg, verb),
            _ => self.value(arg, verb),
        }
    }

    fn value(&mut self, value: &Value<'_>, verb: char) {
        match value {
            Value::Nothing => self.bad_verb(value, verb),
            Value::Element(json) => self.element(json, verb),
            Value::Bool(truth) => match verb {
                't' | 'v' => self.pad(if *truth { b"true" } else { b"false" }),
                _ => self.bad_verb(value, verb),
            },
            Value::Int(number) | Value::Int64(number) => self.integer(value, number.unsigned_abs(), *number < 0, verb),
            Value::Byte(byte) if verb == 'v' && self.spec.sharp_v => self.hex_literal(u64::from(*byte)),
            Value::Byte(byte) => self.integer(value, u64::from(*byte), false, verb),
            Value::Float(number) => {
                if !self.float(*number, verb) {
                    self.bad_verb(value, verb);
                }
            }
            Value::Complex(real, imaginary) => {
                if !matches!(verb, 'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E') {
                    return self.bad_verb(value, verb);
                }
                let plus = self.spec.plus;
                self.out.push(b'(');
                self.float(*real, verb);
                self.spec.plus = true;
                self.float(*imaginary, verb);
                self.spec.plus = plus;
                self.out.extend_from_slice(b"i)");
            }
            Value::Text(text) => match verb {
                'v' if self.spec.sharp_v => self.quoted(text.bytes()),
                'v' | 's' => self.text(text.bytes()),
                'x' => self.hex_bytes(text.bytes(), false),
                'X' => self.hex_bytes(text.bytes(), true),
                'q' => self.quoted(text.bytes()),
                _ => self.bad_verb(value, verb),
            },
            Value::Slice(slice) => self.slice(*slice, verb),
            Value::Map(map) => {
                let (open, close, separator): (&[u8], u8, &[u8]) =
                    if self.spec.sharp_v { (b"map[string]interface {}{", b'}', b", ") } else { (b"map[", b']', b" ") };
                self.out.extend_from_slice(open);
                for (index, (key, element)) in map.iter().enumerate() {
                    if index > 0 {
                        self.out.extend_from_slice(separator);
                    }
                    self.value(&Value::Text(Text::Borrowed(key.as_bytes())), verb);
                    self.out.push(b':');
                    self.element(element, verb);
                }
                self.out.push(close);
            }
        }
    }

    fn slice(&mut self, slice: Slice<'_>, verb: char) {
        let (open, close, separator): (&[u8], u8, &[u8]) =
            if self.spec.sharp_v { (b"[]interface {}{", b'}', b", ") } else { (b"[", b']', b" ") };
        self.out.extend_from_slice(open);
        for (index, element) in slice.iter().enumerate() {
            if index > 0 {
                self.out.extend_from_slice(separator);
            }
            self.element(element, verb);
        }
        self.out.push(close);
    }

    /// An element of a map or slice, where null is never a fault.
    fn element(&mut self, element: &Json, verb: char) {
        match element {
            Json::Null => {
                self.out.extend_from_slice(if self.spec.sharp_v { b"interface {}(nil)" } else { b"<nil>" });
            }
            _ => self.value(&Value::of(element), verb),
        }
    }

    /// `%!d(string=hi)`.
    fn bad_verb(&mut self, value: &Value<'_>, verb: char) {
        self.out.extend_from_slice(format!("%!{verb}(").as_bytes());
        if value.is_nil() {
            self.out.extend_from_slice(b"<nil>");
        } else {
            self.out.extend_from_slice(value.type_name().as_bytes());
            self.out.push(b'=');
            self.value(value, 'v');
        }
        self.out.push(b')');
    }

    fn padding(&mut self, count: usize) {
        let fill = if self.spec.zero && !self.spec.minus { b'0' } else { b' ' };
        self.out.resize(self.out.len() + count, fill);
    }

    /// Writes text at the asked width, which counts characters.
    fn pad(&mut self, text: &[u8]) {
        let Some(width) = self.spec.width else {
            self.out.extend_from_slice(text);
            return;
        };
        let missing = width.saturating_sub(runes(text).count());
        if self.spec.minus {
            self.out.extend_from_slice(text);
            self.padding(missing);
        } else {
            self.padding(missing);
            self.out.extend_from_slice(text);
        }
    }

    /// [`Self::pad`] with spaces, where zeros have been dealt with.
    fn pad_spaces(&mut self, text: &[u8]) {
        let zero = std::mem::take(&mut self.spec.zero);
        self.pad(text);
        self.spec.zero = zero;
    }

    /// Text cut to as many characters as the precision says.
    fn cut<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let Some(precision) = self.spec.precision else { return text };
        let length: usize = runes(text).take(precision).map(|rune| rune.map_or(1, char::len_utf8)).sum();
        text.get(..length).unwrap_or(text)
    }

    fn text(&mut self, text: &[u8]) {
        let text = self.cut(text);
        self.pad(text);
    }

    fn quoted(&mut self, text: &[u8]) {
        let text = self.cut(text);
        if self.spec.sharp && can_backquote(text) {
            let raw = [b"`", text, b"`"].concat();
            self.pad(&raw);
        } else {
            let quoted = quote_bytes(text, self.spec.plus);
            self.pad(quoted.as_bytes());
        }
    }

    fn hex_bytes(&mut self, text: &[u8], upper: bool) {
        let text = text.get(..self.spec.precision.unwrap_or(usize::MAX).min(text.len())).unwrap_or(text);
        if text.is_empty() {
            self.padding(self.spec.width.unwrap_or(0));
            return;
        }
        let prefix = if !self.spec.sharp {
            ""
        } else if upper {
            "0X"
        } else {
            "0x"
        };
        let mut shown = prefix.to_owned();
        for (index, byte) in text.iter().enumerate() {
            if self.spec.space && index > 0 {
                shown.push(' ');
                shown.push_str(prefix);
            }
            shown.push_str(&if upper { format!("{byte:02X}") } else { format!("{byte:02x}") });
        }
        self.pad(shown.as_bytes());
    }

    fn integer(&mut self, value: &Value<'_>, magnitude: u64, negative: bool, verb: char) {
        match verb {
            'v' | 'd' => self.digits(magnitude, negative, Base::Decimal, verb),
            'b' => self.digits(magnitude, negative, Base::Binary, verb),
            'o' | 'O' => self.digits(magnitude, negative, Base::Octal, verb),
            'x' | 'X' => self.digits(magnitude, negative, Base::Hex, verb),
            'c' => {
                let c = character(magnitude, negative);
                self.pad(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            'q' => {
                let quoted = quote_char(character(magnitude, negative), self.spec.plus);
                self.pad(quoted.as_bytes());
            }
            'U' => self.code_point(if negative { magnitude.wrapping_neg() } else { magnitude }),
            _ => self.bad_verb(value, verb),
        }
    }

    fn digits(&mut self, magnitude: u64, negative: bool, base: Base, verb: char) {
        let spec = self.spec;
        let mut least = 0;
        if let Some(precision) = spec.precision {
            if precision == 0 && magnitude == 0 {
                return self.pad_spaces(b"");
            }
            least = precision;
        } else if let (true, false, Some(width)) = (spec.zero, spec.minus, spec.width) {
            least = width.saturating_sub(usize::from(negative || spec.plus || spec.space));
        }
        let digits = match base {
            Base::Binary => format!("{magnitude:b}"),
            Base::Octal => format!("{magnitude:o}"),
            Base::Decimal => magnitude.to_string(),
            Base::Hex if verb == 'X' => format!("{magnitude:X}"),
            Base::Hex => format!("{magnitude:x}"),
        };
        let digits = zero_padded(digits, least);
        let prefix = match (base, verb) {
            (Base::Binary, _) if spec.sharp => "0b",
            (Base::Octal, 'O') if spec.sharp && !digits.starts_with('0') => "0o0",
            (Base::Octal, 'O') => "0o",
            (Base::Octal, _) if spec.sharp && !digits.starts_with('0') => "0",
            (Base::Hex, 'X') if spec.sharp => "0X",
            (Base::Hex, _) if spec.sharp => "0x",
            _ => "",
        };
        let sign = if negative {
            "-"
        } else if spec.plus {
            "+"
        } else if spec.space {
            " "
        } else {
            ""
        };
        self.pad_spaces(format!("{sign}{prefix}{digits}").as_bytes());
    }

    /// An unsigned number as `%#v` shows it.
    fn hex_literal(&mut self, number: u64) {
        let sharp = std::mem::replace(&mut self.spec.sharp, true);
        self.digits(number, false, Base::Hex, 'v');
        self.spec.sharp = sharp;
    }

    fn address(&mut self, address: usize) {
        self.spec.sharp = !self.spec.sharp;
        self.digits(u64::try_from(address).unwrap_or(u64::MAX), false, Base::Hex, 'v');
        self.spec.sharp = !self.spec.sharp;
    }

    /// `U+0041`, and with `#` the character.
    fn code_point(&mut self, code: u64) {
        let precision = self.spec.precision.unwrap_or(0).max(4);
        let mut shown = format!("U+{}", zero_padded(format!("{code:X}"), precision));
        if self.spec.sharp
            && let Some(c) = u32::try_from(code).ok().and_then(char::from_u32).filter(|c| is_printable(*c))
        {
            shown.push_str(&format!(" '{c}'"));
        }
        self.pad_spaces(shown.as_bytes());
    }

    /// False if the verb is none for floats.
    fn float(&mut self, number: f64, verb: char) -> bool {
        let (format, precision) = match verb {
            'v' => ('g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => (verb, None),
            'f' | 'e' | 'E' => (verb, Some(6)),
            'F' => ('f', Some(6)),
            _ => return false,
        };
        let precision = self.spec.precision.or(precision);
        let mut text = float::format(number, format, precision);
        let sign = match text.chars().next() {
            Some(sign @ ('-' | '+')) => {
                text.remove(0);
                sign
            }
            _ => '+',
        };
        let sign = if self.spec.space && sign == '+' && !self.spec.plus { ' ' } else { sign };
        if !number.is_finite() {
            let show = !number.is_nan() && (sign != '+' || self.spec.plus)
                || number.is_nan() && (self.spec.space || self.spec.plus);
            let shown = if show { format!("{sign}{text}") } else { text };
            self.pad_spaces(shown.as_bytes());
            return true;
        }
        if self.spec.sharp && format != 'b' {
            text = with_point(&text, format, precision);
        }
        if !self.spec.plus && sign == '+' {
            self.pad(text.as_bytes());
            return true;
        }
        match self.spec.width {
            Some(width) if self.spec.zero && !self.spec.minus && width > text.len() + 1 => {
                let zeros = width - text.len() - 1;
                self.out.push(sign as u8);
                self.padding(zeros);
                self.out.extend_from_slice(text.as_bytes());
            }
            _ => self.pad(format!("{sign}{text}").as_bytes()),
        }
        true
    }
}

/// Digits with zeros before them. (Rust's own padding panics at widths above 65,535.)
fn zero_padded(digits: String, least: usize) -> String {
    match least.saturating_sub(digits.len()) {
        0 => digits,
        missing => "0".repeat(missing) + &digits,
    }
}

/// The character of an integer; the replacement character for what is none.
fn character(magnitude: u64, negative: bool) -> char {
    u32::try_from(magnitude).ok().filter(|_| !negative).and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// What `#` does to a float: a decimal point always, and for `g`, `G` and `x` (but not `X`) all digits
/// of the precision.
fn with_point(text: &str, format: char, precision: Option<usize>) -> String {
    let hex = matches!(format, 'x' | 'X');
    let tail_at = text.find(|c| matches!(c, 'p' | 'P') || !hex && matches!(c, 'e' | 'E')).unwrap_or(text.len());
    let (mut number, tail) =
        (text.get(..tail_at).unwrap_or_default().to_owned(), text.get(tail_at..).unwrap_or_default());
    let mut missing = match format {
        'g' | 'G' | 'x' => i64::try_from(precision.unwrap_or(6)).unwrap_or(0),
        _ => 0,
    };
    let mut significant = false;
    for c in number.chars().filter(|c| *c != '.') {
        significant |= c != '0';
        missing -= i64::from(significant);
    }
    if !number.contains('.') {
        if number == "0" {
            missing -= 1;
        }
        number.push('.');
    }
    number.extend(std::iter::repeat_n('0', usize::try_from(missing).unwrap_or(0)));
    number + tail
}
