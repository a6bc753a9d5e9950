//! Lines copied from slides and documents: word processors turn hyphens into dashes and quotes into
//! curly ones. Such a line is refused with the line as it was meant.

use super::flags::Flags;

const DASHES: &[(char, &str)] = &[
    ('\u{2010}', "a typographic hyphen (U+2010)"),
    ('\u{2011}', "a non-breaking hyphen (U+2011)"),
    ('\u{2012}', "a figure dash (U+2012)"),
    ('\u{2013}', "an en dash (U+2013)"),
    ('\u{2014}', "an em dash (U+2014)"),
    ('\u{2212}', "a minus sign (U+2212)"),
];

const QUOTES: &[(char, char, &str)] = &[
    ('\u{201c}', '"', "a curly quote (U+201C)"),
    ('\u{201d}', '"', "a curly quote (U+201D)"),
    ('\u{201e}', '"', "a low quote (U+201E)"),
    ('\u{2018}', '\'', "a curly quote (U+2018)"),
    ('\u{2019}', '\'', "a curly quote (U+2019)"),
];

fn dash(c: char) -> Option<&'static str> {
    DASHES.iter().find(|(dash, _)| *dash == c).map(|(_, name)| *name)
}

fn quote(c: char) -> Option<&'static str> {
    QUOTES.iter().find(|(quote, ..)| *quote == c).map(|(.., name)| *name)
}

/// What is wrong with the line, and the line repaired; `None` for a line that can be read as it is.
/// Words after `--` belong to another program and are left alone.
pub fn complaint(program: &str, words: &[String], flags: &[&Flags<'_>]) -> Option<String> {
    let own = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let own = words.get(..own).unwrap_or_default();
    let (word, c, name) = own.iter().enumerate().find_map(|(at, word)| wrong(own, at, word))?;
    let what = if dash(c).is_some() {
        "where a flag begins with a hyphen"
    } else {
        "which the shell does not take for a quote"
    };
    let quoted = |word: String| if word.contains(' ') && !word.contains('\'') { format!("'{word}'") } else { word };
    let repaired: Vec<String> = words.iter().map(|word| quoted(repair(word, flags))).collect();
    Some(format!(
        "\"{word}\" holds {name}, {what}: the line seems to be copied from a document. It was meant as:\n  {program} {}",
        repaired.join(" ")
    ))
}

/// The character at fault in a word.
fn wrong<'w>(words: &'w [String], at: usize, word: &'w str) -> Option<(&'w str, char, &'static str)> {
    let first = word.chars().next()?;
    if let Some(name) = dash(first) {
        // A lone dash, or one before a digit, is somebody's text.
        let second = word.chars().nth(1)?;
        return (second.is_ascii_alphabetic() || dash(second).is_some() || second == '-')
            .then_some((word, first, name));
    }
    if let Some(name) = quote(first) {
        return Some((word, first, name));
    }
    if first == '-' && word.chars().nth(1).is_some_and(|c| dash(c).is_some()) {
        let c = word.chars().nth(1)?;
        return Some((word, c, dash(c)?));
    }
    let (key, value) = word.split_once('=')?;
    let opening = value.chars().next()?;
    let name = quote(opening)?;
    // In a flag's value a leading curly quote is never meant; in `key=value` it may be, unless the
    // shell cut the quoted text into several words.
    let closed = value.chars().skip(1).any(|c| quote(c).is_some());
    let continued = words
        .get(at + 1..)
        .unwrap_or_default()
        .iter()
        .any(|word| word.chars().last().is_some_and(|c| quote(c).is_some()));
    (key.starts_with('-') || (!closed && continued)).then_some((word, opening, name))
}

fn repair(word: &str, flags: &[&Flags<'_>]) -> String {
    let straight: String =
        word.chars().map(|c| QUOTES.iter().find(|(curly, ..)| *curly == c).map_or(c, |(_, plain, _)| *plain)).collect();
    let leading: String = straight.chars().take_while(|c| *c == '-' || dash(*c).is_some()).collect();
    if leading.chars().all(|c| c == '-') {
        return straight;
    }
    let body = straight.strip_prefix(leading.as_str()).unwrap_or_default();
    let name = body.split('=').next().unwrap_or(body);
    let long = name == "help" || flags.iter().any(|flags| flags.long(name).is_some());
    let letter = name.chars().count() == 1
        || (!long && name.chars().all(|c| flags.iter().any(|flags| flags.short(c).is_some())));
    if letter { format!("-{body}") } else { format!("--{body}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complain(line: &str) -> Option<String> {
        let global = super::super::global::command();
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        complaint("kctl", &words, &[&Flags::of(&global)])
    }

    #[test]
    fn shows_the_line_repaired() {
        for (line, want) in [
            ("get pods \u{2013}n harbor", "kctl get pods -n harbor"),
            ("get pods \u{2013}namespace=x", "kctl get pods --namespace=x"),
            ("run web \u{2014}image=nginx", "kctl run web --image=nginx"),
            ("get \u{2013}\u{2013}context a", "kctl get --context a"),
            ("get -\u{2013}context a", "kctl get --context a"),
            ("get \u{201c}pods\u{201d}", "kctl get \"pods\""),
            ("get pods --namespace=\u{201c}x\u{201d}", "kctl get pods --namespace=\"x\""),
            (
                "annotate pods foo description=\u{2018}my frontend\u{2019}",
                "kctl annotate pods foo description='my frontend'",
            ),
        ] {
            let said = complain(line).expect(line);
            assert_eq!(said.lines().last().map(str::trim), Some(want), "{said}");
        }
    }

    #[test]
    fn leaves_other_lines_alone() {
        for line in [
            "get pods -n harbor",
            "exec web -- echo \u{2013}n \u{201c}x\u{201d}",
            "annotate pod x note=\u{201c}word\u{201d}",
            "annotate pod x note=5\u{2013}6",
            "create cm x \u{2013}",
        ] {
            assert_eq!(complain(line), None, "{line}");
        }
    }
}
