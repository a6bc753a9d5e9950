//! What a text may look like: its styles, and what becomes of characters that YAML treats apart.

use std::io;

use crate::output::number::{json_float, yaml_float};

/// The float as it reads back from the JSON that kubectl makes first: whole ones become integers.
pub(super) fn float_text(float: f64) -> String {
    let json = json_float(float);
    if json == "-0" {
        return "0".to_owned();
    }
    if json.parse::<u64>().is_ok() || json.parse::<i64>().is_ok() {
        return json;
    }
    yaml_float(float)
}

/// The text as it comes out of the JSON that kubectl reads back as YAML first: control characters
/// beyond ASCII are refused there, and a NEL is a line break, which double quotes fold.
pub(super) fn readable(text: &str) -> io::Result<std::borrow::Cow<'_, str>> {
    let bad = |c: char| matches!(c, '\x7f'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}');
    if text.contains(bad) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "yaml: control characters are not allowed"));
    }
    if text.contains('\u{85}') {
        return Ok(fold_nel(text).into());
    }
    Ok(text.into())
}

/// Folds the NELs of a double-quoted scalar: one becomes a space, each further one a line feed, and
/// the blanks around them go.
fn fold_nel(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{85}') {
        out.push_str(rest[..at].trim_end_matches(' '));
        let mut breaks = 0;
        rest = &rest[at..];
        loop {
            if let Some(after) = rest.strip_prefix('\u{85}') {
                breaks += 1;
                rest = after;
            } else if let Some(after) = rest.strip_prefix(' ') {
                rest = after;
            } else {
                break;
            }
        }
        if breaks == 1 {
            out.push(' ');
        } else {
            out.extend(std::iter::repeat_n('\n', breaks - 1));
        }
    }
    out.push_str(rest);
    out
}

/// How a text is written.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// In which styles a text may be written.
pub(super) struct Shape {
    pub(super) plain: bool,
    pub(super) single: bool,
    pub(super) block: bool,
}

impl Shape {
    pub(super) fn of(text: &str) -> Self {
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut special, mut breaks) = (false, false);
        let (mut break_space, mut space_break) = (false, false);
        let (mut previous_space, mut previous_break) = (false, false);
        let mut after_blank = true;
        let mut chars = text.chars().peekable();
        let mut first = true;
        while let Some(c) = chars.next() {
            let before_blank = chars.peek().is_none_or(|next| matches!(next, ' ' | '\t'));
            indicators |= match c {
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`'
                    if first =>
                {
                    true
                }
                '?' | ':' | '-' if first => before_blank,
                ':' => before_blank,
                '#' => after_blank,
                _ => false,
            };
            special |= !is_printable(c);
            if c == ' ' {
                break_space |= previous_break;
                (previous_space, previous_break) = (true, false);
            } else if is_break(c) {
                breaks = true;
                space_break |= previous_space;
                (previous_space, previous_break) = (false, true);
            } else {
                (previous_space, previous_break) = (false, false);
            }
            after_blank = matches!(c, ' ' | '\t' | '\0') || is_break(c);
            first = false;
        }
        let edge = |c: char| c == ' ' || is_break(c);
        let single = !(break_space || space_break || special);
        Self {
            plain: single && !breaks && !indicators && !text.starts_with(edge) && !text.ends_with(edge),
            single,
            block: !(text.ends_with(' ') || space_break || special),
        }
    }
}

pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

pub(super) fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{ffff}') && !matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}
