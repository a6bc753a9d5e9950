//! What keeps a text from being a regular expression, in the words of Go's `regexp`.

/// The names of character classes (`\p{Greek}`): categories and scripts, in small letters without underscores.
const CLASSES: &str = include_str!("unicode-classes.txt");
/// What `[:NAME:]` may name.
const POSIX: &[&str] = &[
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];
/// The most that a count may be, also of all counts around one another together.
const MOST: u32 = 1000;

const RANGE: &str = "invalid character class range";
const ESCAPE: &str = "invalid escape sequence";
const CAPTURE: &str = "invalid named capture";
const PERL: &str = "invalid or unsupported Perl syntax";
const NESTED: &str = "invalid nested repetition operator";
const COUNT: &str = "invalid repeat count";
const BRACKET: &str = "missing closing ]";
const PAREN: &str = "missing closing )";
const ARGUMENT: &str = "missing argument to repetition operator";
const BACKSLASH: &str = "trailing backslash at end of expression";
const UNEXPECTED: &str = "unexpected )";

/// What is wrong, and the part of the text that is.
type Fault<'p> = (&'static str, &'p str);
/// What is left to read.
type Rest<'p> = Result<&'p str, Fault<'p>>;

/// What is wrong with a pattern (`error parsing regexp: missing closing ]: …`), if anything is.
pub fn fault(pattern: &str) -> Option<String> {
    let mut parser = Parser { whole: pattern, open: vec![Group::default()] };
    parser.parse().err().map(|(why, what)| format!("error parsing regexp: {why}: `{what}`"))
}

/// A group that is open, or the whole.
#[derive(Default)]
struct Group {
    /// How often the last part is repeated inside, at the most; none where there is nothing to repeat.
    last: Option<u32>,
    /// The most of all parts before it.
    before: u32,
}

impl Group {
    fn push(&mut self, weight: u32) {
        self.before = self.weight();
        self.last = Some(weight);
    }

    fn weight(&self) -> u32 {
        self.before.max(self.last.unwrap_or(1))
    }
}

struct Parser<'p> {
    whole: &'p str,
    open: Vec<Group>,
}

/// What was read from `from` until `rest`.
fn read<'p>(from: &'p str, rest: &str) -> &'p str {
    from.get(..from.len().saturating_sub(rest.len())).unwrap_or(from)
}

fn skip(text: &str, count: usize) -> &str {
    text.get(count..).unwrap_or("")
}

fn next(text: &str) -> (Option<char>, &str) {
    let mut chars = text.chars();
    let first = chars.next();
    (first, chars.as_str())
}

impl<'p> Parser<'p> {
    fn top(&mut self) -> &mut Group {
        if self.open.is_empty() {
            self.open.push(Group::default());
        }
        let at = self.open.len() - 1;
        &mut self.open[at]
    }

    fn parse(&mut self) -> Result<(), Fault<'p>> {
        let (mut rest, mut repeated) = (self.whole, None);
        while let (Some(c), after) = next(rest) {
            let begun = rest;
            let mut repeats = false;
            rest = match c {
                '(' if after.starts_with('?') => self.perl(rest)?,
                '(' => {
                    self.open.push(Group::default());
                    after
                }
                '|' => {
                    let top = self.top();
                    top.before = top.weight();
                    top.last = None;
                    after
                }
                ')' => {
                    let inner = self.open.pop().unwrap_or_default();
                    if self.open.is_empty() {
                        return Err((UNEXPECTED, self.whole));
                    }
                    self.top().push(inner.weight());
                    after
                }
                '[' => {
                    self.top().push(1);
                    class(rest)?
                }
                '*' | '+' | '?' => {
                    repeats = true;
                    self.repeat(1, rest, after, repeated)?
                }
                '{' => match counts(rest) {
                    None => {
                        self.top().push(1);
                        after
                    }
                    Some((low, high, after)) => {
                        let wrong = low > MOST || high.is_some_and(|high| high > MOST || low > high);
                        if wrong {
                            return Err((COUNT, read(rest, after)));
                        }
                        repeats = true;
                        self.repeat(high.unwrap_or(low), rest, after, repeated)?
                    }
                },
                '\\' => {
                    self.top().push(1);
                    match after.chars().next() {
                        Some('A' | 'b' | 'B' | 'z') => skip(after, 1),
                        Some('C') => return Err((ESCAPE, read(rest, skip(after, 1)))),
                        Some('Q') => skip(after, 1).split_once("\\E").map_or("", |(_, rest)| rest),
                        _ => named_class(rest)?.map_or_else(|| escape(rest).map(|(_, rest)| rest), Ok)?,
                    }
                }
                _ => {
                    self.top().push(1);
                    after
                }
            };
            repeated = repeats.then_some(begun);
        }
        if self.open.len() > 1 { Err((PAREN, self.whole)) } else { Ok(()) }
    }

    /// Repeats the last part; `repeated` is where another repetition of it begins.
    fn repeat(&mut self, count: u32, before: &'p str, after: &'p str, repeated: Option<&'p str>) -> Rest<'p> {
        let after = after.strip_prefix('?').unwrap_or(after);
        if let Some(first) = repeated {
            return Err((NESTED, read(first, after)));
        }
        let top = self.top();
        let Some(last) = top.last else { return Err((ARGUMENT, read(before, after))) };
        if count >= 2 && last.saturating_mul(count) > MOST {
            return Err((COUNT, read(before, after)));
        }
        top.last = Some(last.saturating_mul(count.max(1)));
        Ok(after)
    }

    /// `(?…`: a name, or flags.
    fn perl(&mut self, text: &'p str) -> Rest<'p> {
        let name = text.strip_prefix("(?P<").or_else(|| text.strip_prefix("(?<")).filter(|name| !name.is_empty());
        if let Some(name) = name {
            let Some((name, rest)) = name.split_once('>') else { return Err((CAPTURE, text)) };
            if name.is_empty() || !name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) {
                return Err((CAPTURE, read(text, rest)));
            }
            self.open.push(Group::default());
            return Ok(rest);
        }
        let mut rest = skip(text, 2);
        let (mut negated, mut flagged) = (false, false);
        while let (Some(c), after) = next(rest) {
            rest = after;
            match c {
                'i' | 'm' | 's' | 'U' => flagged = true,
                '-' if !negated => (negated, flagged) = (true, false),
                ':' | ')' if !negated || flagged => {
                    if c == ':' {
                        self.open.push(Group::default());
                    }
                    return Ok(rest);
                }
                _ => break,
            }
        }
        Err((PERL, read(text, rest)))
    }
}

/// `{2}`, `{2,}`, `{2,3}`: the least and the most (or none), and what follows. What reads otherwise stands for
/// itself.
fn counts(text: &str) -> Option<(u32, Option<u32>, &str)> {
    let (inner, rest) = text.strip_prefix('{')?.split_once('}')?;
    let number = |text: &str| -> Option<u32> {
        let zeros = text.len() > 1 && text.starts_with('0');
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        (digits && !zeros).then(|| text.parse().unwrap_or(u32::MAX))
    };
    match inner.split_once(',') {
        None => number(inner).map(|count| (count, Some(count), rest)),
        Some((low, "")) => Some((number(low)?, None, rest)),
        Some((low, high)) => Some((number(low)?, Some(number(high)?), rest)),
    }
}

/// What follows a class that stands for many characters, as `\d` or `\pL`; none where there is none.
fn named_class(text: &str) -> Result<Option<&str>, Fault<'_>> {
    let Some(after) = text.strip_prefix('\\') else { return Ok(None) };
    match next(after) {
        (Some('d' | 'D' | 's' | 'S' | 'w' | 'W'), rest) => Ok(Some(rest)),
        (Some('p' | 'P'), inner) => {
            let (first, rest) = next(inner);
            let (name, rest) = match first {
                None => return Ok(None),
                Some('{') => match inner.find('}') {
                    Some(end) => (inner.get(1..end).unwrap_or(""), skip(inner, end + 1)),
                    None => return Err((RANGE, text)),
                },
                Some(_) => (read(inner, rest), rest),
            };
            let name = name.strip_prefix('^').unwrap_or(name).replace('_', "").to_lowercase();
            if CLASSES.lines().any(|known| known == name) { Ok(Some(rest)) } else { Err((RANGE, read(text, rest))) }
        }
        _ => Ok(None),
    }
}

/// A character behind a backslash, and what follows.
fn escape(text: &str) -> Result<(char, &str), Fault<'_>> {
    let (c, mut rest) = next(skip(text, 1));
    let Some(c) = c else { return Err((BACKSLASH, "")) };
    let octal = |rest: &str| rest.chars().next().is_some_and(|c| ('0'..='7').contains(&c));
    match c {
        '0'..='7' if c == '0' || octal(rest) => {
            let mut value = c.to_digit(8).unwrap_or(0);
            for _ in 1..3 {
                let Some(digit) = rest.chars().next().and_then(|c| c.to_digit(8)) else { break };
                value = value * 8 + digit;
                rest = skip(rest, 1);
            }
            Ok((char::from_u32(value).unwrap_or_default(), rest))
        }
        'x' => hexadecimal(text, rest),
        'a' => Ok(('\x07', rest)),
        'f' => Ok(('\x0c', rest)),
        'n' => Ok(('\n', rest)),
        'r' => Ok(('\r', rest)),
        't' => Ok(('\t', rest)),
        'v' => Ok(('\x0b', rest)),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok((c, rest)),
        _ => Err((ESCAPE, read(text, rest))),
    }
}

/// `\x41` or `\x{1F600}`; `rest` is what follows the `x`.
fn hexadecimal<'p>(text: &'p str, rest: &'p str) -> Result<(char, &'p str), Fault<'p>> {
    let wrong = |rest: &str| Err((ESCAPE, read(text, rest)));
    if let Some(mut inner) = rest.strip_prefix('{') {
        let (mut value, mut count) = (0_u32, 0);
        loop {
            let (c, after) = next(inner);
            inner = after;
            match c.map(|c| (c, c.to_digit(16))) {
                Some(('}', _)) if count > 0 => return Ok((char::from_u32(value).unwrap_or_default(), inner)),
                Some((_, Some(digit))) if value < 0x11_0000 => {
                    value = value * 16 + digit;
                    count += 1;
                    if value > 0x10_FFFF {
                        return wrong(inner);
                    }
                }
                _ => return wrong(inner),
            }
        }
    }
    let (high, after) = next(rest);
    let (low, after) = if high.is_some() { next(after) } else { (None, after) };
    let digit = |c: Option<char>| c.and_then(|c| c.to_digit(16));
    match digit(high).zip(digit(low)) {
        Some((high, low)) => Ok((char::from_u32(high * 16 + low).unwrap_or_default(), after)),
        None => wrong(after),
    }
}

/// One character of a class.
fn class_char<'p>(text: &'p str, whole: &'p str) -> Result<(char, &'p str), Fault<'p>> {
    match next(text) {
        (None, _) => Err((BRACKET, whole)),
        (Some('\\'), _) => escape(text),
        (Some(c), rest) => Ok((c, rest)),
    }
}

/// What follows a class in brackets.
fn class(whole: &str) -> Rest<'_> {
    let inner = skip(whole, 1);
    let mut rest = inner.strip_prefix('^').unwrap_or(inner);
    let mut first = true;
    loop {
        if !first && let Some(after) = rest.strip_prefix(']') {
            return Ok(after);
        }
        first = false;
        if let Some((name, after)) = rest.strip_prefix("[:").and_then(|inner| inner.split_once(":]")) {
            if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
                return Err((RANGE, read(rest, after)));
            }
            rest = after;
            continue;
        }
        if let Some(after) = named_class(rest)? {
            rest = after;
            continue;
        }
        let begun = rest;
        let (low, after) = class_char(rest, whole)?;
        rest = after;
        if let Some(after) = rest.strip_prefix('-').filter(|after| !after.is_empty() && !after.starts_with(']')) {
            let (high, after) = class_char(after, whole)?;
            rest = after;
            if high < low {
                return Err((RANGE, read(begun, rest)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_go_says() {
        for (pattern, want) in [
            ("", ""),
            ("^a.*(b|c)+?$", ""),
            (r"(?P<x>a)(?<y>b)(?i)c(?-s:d)", ""),
            (r"[]a-z[:digit:]\d\p{Greek}-]\Q(\E\x41\x{1F600}\07\_", ""),
            ("a{2,3}{", ""),
            ("a{,2}", ""),
            ("[", "missing closing ]: `[`"),
            ("x[a-", "missing closing ]: `[a-`"),
            ("(a", "missing closing ): `(a`"),
            ("a)", "unexpected ): `a)`"),
            ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
            ("(?<=a)", "invalid named capture: `(?<=a)`"),
            ("(?P<a b>c)", "invalid named capture: `(?P<a b>`"),
            ("(?i", "invalid or unsupported Perl syntax: `(?i`"),
            ("*a", "missing argument to repetition operator: `*`"),
            ("a|+", "missing argument to repetition operator: `+`"),
            ("a**", "invalid nested repetition operator: `**`"),
            ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
            ("a{1,2000}", "invalid repeat count: `{1,2000}`"),
            ("a{3,2}", "invalid repeat count: `{3,2}`"),
            ("(a{100}){11}", "invalid repeat count: `{11}`"),
            ("(a{100}){10}", ""),
            (r"\p{Foo}", r"invalid character class range: `\p{Foo}`"),
            (r"\p{Lu", r"invalid character class range: `\p{Lu`"),
            (r"\y", r"invalid escape sequence: `\y`"),
            (r"\1", r"invalid escape sequence: `\1`"),
            (r"\xz1", r"invalid escape sequence: `\xz1`"),
            (r"\x{110000}", r"invalid escape sequence: `\x{110000`"),
            (r"a\", "trailing backslash at end of expression: ``"),
            ("[z-a]", "invalid character class range: `z-a`"),
            ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
        ] {
            let found = fault(pattern).unwrap_or_default();
            assert_eq!(found.strip_prefix("error parsing regexp: ").unwrap_or(&found), want, "{pattern}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(pattern in r"[\[\](){}*+?|\\^$a-z0-9:<>P,é-]{0,24}") {
            let _ = fault(&pattern);
        }
    }
}
