//! Go's `fmt`: `printf` with every verb and flag, `print` and `println`.

use serde_json::Value as Json;

use super::float;
use super::quote::{can_backquote, is_printable, quote, quote_char, runes};
use super::value::{Slice, Text, Value};

/// The largest width, precision or argument index; Go takes larger ones for mistakes.
const TOO_LARGE: i64 = 1_000_000;

/// `printf`. Faults show in the text: `%!d(string=hi)`, `%!v(MISSING)`, `%!(EXTRA int=1)`.
pub fn printf(format: &[u8], args: &[Value<'_>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(format.len() + 16 * args.len());
    Printf { format, at: 0, args, next: 0, reordered: false, good_index: true }.run(&mut out);
    out
}

/// `print`: a space between two arguments of which neither is a string.
pub fn print(args: &[Value<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    print_into(&mut out, args);
    out
}

/// [`print`] at the end of a buffer.
pub fn print_into(out: &mut Vec<u8>, args: &[Value<'_>]) {
    let mut after_text = true;
    for arg in args {
        let is_text = matches!(arg, Value::Text(_) | Value::Element(Json::String(_)));
        if !is_text && !after_text {
            out.push(b' ');
        }
        Printer::new(out).arg(arg, 'v');
        after_text = is_text;
    }
}

/// `println`: a space between all arguments, and a line feed.
pub fn println(args: &[Value<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, arg) in args.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        Printer::new(&mut out).arg(arg, 'v');
    }
    out.push(b'\n');
    out
}

/// A format that is being read.
struct Printf<'f> {
    format: &'f [u8],
    at: usize,
    args: &'f [Value<'f>],
    /// The argument that the next verb takes.
    next: usize,
    /// Whether an index was used anywhere: arguments left over are no mistake then.
    reordered: bool,
    /// Whether the indexes of the current verb are good.
    good_index: bool,
}

impl Printf<'_> {
    fn peek(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    fn run(mut self, out: &mut Vec<u8>) {
        loop {
            let rest = self.format.get(self.at..).unwrap_or_default();
            let length = rest.iter().position(|byte| *byte == b'%').unwrap_or(rest.len());
            out.extend_from_slice(rest.get(..length).unwrap_or_default());
            self.at += length;
            if self.at >= self.format.len() {
                break;
            }
            self.at += 1;
            if !self.verb(out) {
                break;
            }
        }
        let left = self.args.get(self.next..).unwrap_or_default();
        if self.reordered || left.is_empty() {
            return;
        }
        out.extend_from_slice(b"%!(EXTRA ");
        for (index, arg) in left.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(b", ");
            }
            if arg.is_nil() {
                out.extend_from_slice(b"<nil>");
            } else {
                out.extend_from_slice(type_name(arg).as_bytes());
                out.push(b'=');
                Printer::new(out).arg(arg, 'v');
            }
        }
        out.push(b')');
    }

    /// Flags, width, precision and verb after a percent sign. False at the end of the format.
    fn verb(&mut self, out: &mut Vec<u8>) -> bool {
        self.good_index = true;
        let mut spec = Spec::default();
        while let Some(flag) = self.peek() {
            match flag {
                b'#' => spec.sharp = true,
                b'0' => spec.zero = true,
                b'+' => spec.plus = true,
                b'-' => spec.minus = true,
                b' ' => spec.space = true,
                _ => break,
            }
            self.at += 1;
        }
        let mut after_index = self.index();
        if self.peek() == Some(b'*') {
            self.at += 1;
            match self.star() {
                Some(width) => {
                    spec.width = usize::try_from(width.unsigned_abs()).ok();
                    if width < 0 {
                        spec.minus = true;
                        spec.zero = false;
                    }
                }
                None => out.extend_from_slice(b"%!(BADWIDTH)"),
            }
            after_index = false;
        } else {
            spec.width = self.number();
            if after_index && spec.width.is_some() {
                self.good_index = false;
            }
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if after_index {
                self.good_index = false;
            }
            after_index = self.index();
            if self.peek() == Some(b'*') {
                self.at += 1;
                let precision = self.star();
                spec.precision = precision.and_then(|precision| usize::try_from(precision).ok());
                if spec.precision.is_none() {
                    out.extend_from_slice(b"%!(BADPREC)");
                }
                after_index = false;
            } else {
                spec.precision = Some(self.number().unwrap_or(0));
            }
        }
        if !after_index {
            self.index();
        }
        let rest = self.format.get(self.at..).unwrap_or_default();
        let Some(verb) = runes(rest).next() else {
            out.extend_from_slice(b"%!(NOVERB)");
            return false;
        };
        self.at += verb.map_or(1, char::len_utf8);
        let verb = verb.unwrap_or(char::REPLACEMENT_CHARACTER);
        if verb == '%' {
            out.push(b'%');
            return true;
        }
        let fault = |out: &mut Vec<u8>, what: &str| out.extend_from_slice(format!("%!{verb}({what})").as_bytes());
        match self.args.get(self.next) {
            _ if !self.good_index => fault(out, "BADINDEX"),
            None => fault(out, "MISSING"),
            Some(arg) => {
                if matches!(verb, 'v' | 'w') {
                    spec.sharp_v = std::mem::take(&mut spec.sharp);
                    spec.plus = false;
                }
                Printer { out, spec }.arg(arg, verb);
                self.next += 1;
            }
        }
        true
    }

    /// An argument index such as `[2]`; whether there was one.
    fn index(&mut self) -> bool {
        if self.peek() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let start = self.at + 1;
        let Some(length) = self.format.get(start..).and_then(|rest| rest.iter().position(|byte| *byte == b']')) else {
            self.good_index = false;
            self.at = start;
            return false;
        };
        let end = start + length;
        self.at = start;
        let number = self.number().filter(|_| self.at == end);
        self.at = end + 1;
        match number.and_then(|number| number.checked_sub(1)).filter(|index| *index < self.args.len()) {
            Some(index) => {
                self.next = index;
                true
            }
            None => {
                self.good_index = false;
                number.is_some()
            }
        }
    }

    /// A width or precision taken from the arguments; nothing if the argument is no integer.
    fn star(&mut self) -> Option<i64> {
        let arg = self.args.get(self.next)?;
        self.next += 1;
        arg.clone().concrete().integer().filter(|value| value.abs() <= TOO_LARGE)
    }

    /// Decimal digits; nothing if there are none. A number too large swallows the format, as in Go.
    fn number(&mut self) -> Option<usize> {
        let mut number = None;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            let value = number.unwrap_or(0);
            if value > 1_000_000 {
                self.at = self.format.len();
                return None;
            }
            number = Some(value * 10 + usize::from(digit - b'0'));
            self.at += 1;
        }
        number
    }
}

/// Flags, width and precision of a verb.
#[derive(Clone, Copy, Default)]
struct Spec {
    width: Option<usize>,
    precision: Option<usize>,
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// `%#v`: Go syntax.
    sharp_v: bool,
}

/// The Go type of an argument, which is never an element any more.
fn type_name(arg: &Value<'_>) -> &'static str {
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
struct Printer<'o> {
    out: &'o mut Vec<u8>,
    spec: Spec,
}

impl<'o> Printer<'o> {
    fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, spec: Spec::default() }
    }

    fn arg(&mut self, arg: &Value<'_>, verb: char) {
        match (arg, verb) {
            (Value::Element(json), _) => self.arg(&Value::of(json), verb),
            (Value::Nothing, 'v' | 'T') => self.pad(b"<nil>"),
            (_, 'T') => self.text(arg.type_name().as_bytes()),
            (Value::Map(map), 'p') => self.address(std::ptr::from_ref(*map).addr()),
            (Value::Slice(slice), 'p') => self.address(std::ptr::from_ref(slice.get(0)).addr()),
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
            let quoted = quote(text, self.spec.plus);
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
        let digits = format!("{digits:0>least$}");
        let prefix = match base {
            _ if verb == 'O' => "0o",
            Base::Binary if spec.sharp => "0b",
            Base::Octal if spec.sharp && !digits.starts_with('0') => "0",
            Base::Hex if spec.sharp && verb == 'X' => "0X",
            Base::Hex if spec.sharp => "0x",
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
        let mut shown = format!("U+{:0>precision$}", format!("{code:X}"));
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

/// The character of an integer; the replacement character for what is none.
fn character(magnitude: u64, negative: bool) -> char {
    u32::try_from(magnitude).ok().filter(|_| !negative).and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// What `#` does to a float: a decimal point always, and for `g` and `x` all digits of the precision.
fn with_point(text: &str, format: char, precision: Option<usize>) -> String {
    let hex = matches!(format, 'x' | 'X');
    let tail_at = text.find(|c| matches!(c, 'p' | 'P') || !hex && matches!(c, 'e' | 'E')).unwrap_or(text.len());
    let (mut number, tail) =
        (text.get(..tail_at).unwrap_or_default().to_owned(), text.get(tail_at..).unwrap_or_default());
    let mut missing = match format {
        'g' | 'G' | 'x' | 'X' => i64::try_from(precision.unwrap_or(6)).unwrap_or(0),
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
