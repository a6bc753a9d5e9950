//! Go's `fmt`: `printf` with every verb and flag, `print` and `println`.

use serde_json::Value as Json;

use super::format::{Printer, Spec, type_name};
use super::value::Value;
use crate::go::quote::runes;

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

/// [`print()`] at the end of a buffer.
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
        arg.clone().concrete().integer().filter(|value| (-TOO_LARGE..=TOO_LARGE).contains(value))
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
