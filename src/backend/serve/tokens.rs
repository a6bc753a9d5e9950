//! The file of users' tokens: one user a line, `token,name,uid,"group,group"`.

use std::path::Path;

use anyhow::{Context as _, bail};

use crate::backend::api::User;

/// Reads a file of tokens; the last of several lines with the same token counts.
///
/// # Errors
/// A file that cannot be read, a line with fewer than three fields or without token or name.
pub fn read(path: &Path) -> anyhow::Result<Vec<(String, User)>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    parse(&text).with_context(|| format!("reading {}", path.display()))
}

fn parse(text: &str) -> anyhow::Result<Vec<(String, User)>> {
    let mut users = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let fields = fields(line).with_context(|| format!("line {}: a quote is not closed", index + 1))?;
        let [token, name, uid, rest @ ..] = fields.as_slice() else {
            bail!("line {}: token, user name and user uid are needed, found {} fields", index + 1, fields.len());
        };
        if token.is_empty() || name.is_empty() {
            bail!("line {}: token and user name may not be empty", index + 1);
        }
        let groups = rest.first().map_or("", String::as_str).split(',').filter(|group| !group.is_empty());
        let mut user = User::known(name, groups.map(str::to_owned).collect());
        user.uid.clone_from(uid);
        users.push((token.clone(), user));
    }
    Ok(users)
}

/// The fields of a line of comma-separated values; none where a quote is not closed.
fn fields(line: &str) -> Option<Vec<String>> {
    let mut fields = vec![String::new()];
    let (mut letters, mut quoted) = (line.chars().peekable(), false);
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                fields.last_mut()?.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => fields.last_mut()?.push(other),
        }
    }
    (!quoted).then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_users() {
        let users = parse("t1,ann,7,\"system:masters,b\"\n\nt2,bob,,\nt3,\"c,\"\"d\",1\n").expect("users");
        let shown: Vec<String> = users
            .iter()
            .map(|(token, user)| format!("{token} {} {} {}", user.name, user.uid, user.groups.join("+")))
            .collect();
        assert_eq!(
            shown,
            [
                "t1 ann 7 system:masters+b+system:authenticated",
                "t2 bob  system:authenticated",
                "t3 c,\"d 1 system:authenticated",
            ]
        );
        for broken in ["a,b", ",b,c", "a,,c", "a,\"b,c"] {
            assert!(parse(broken).is_err(), "{broken}");
        }
    }
}
