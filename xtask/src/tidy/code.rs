//! Rust text without its comments and literals, so that rules about code see code only.

/// The text with comments, strings and characters blanked out; lines stay where they are.
pub(super) fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match literal(rest, code.chars().next_back()) {
            Some(length) => {
                let hidden = rest.get(..length).unwrap_or(rest);
                code.extend(hidden.chars().map(|character| if character == '\n' { '\n' } else { ' ' }));
                hidden.len()
            }
            None => {
                code.push(first);
                first.len_utf8()
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    code
}

/// The length of the comment or literal at the start, if there is one.
fn literal(rest: &str, before: Option<char>) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    if rest.starts_with('"') {
        return Some(quoted(rest, '"'));
    }
    // The r of `for"` would be part of a word; of a raw string it is the start of one.
    if !before.is_some_and(|before| before.is_alphanumeric() || before == '_')
        && let Some(after) = rest.strip_prefix('r').or_else(|| rest.strip_prefix("br"))
    {
        let hashes = after.len() - after.trim_start_matches('#').len();
        if after.get(hashes..)?.starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = rest.len() - after.len() + hashes + 1;
            let body = rest.get(start..)?;
            return Some(body.find(&end).map_or(rest.len(), |at| start + at + end.len()));
        }
    }
    // A lifetime has no closing quote after one character.
    if let Some(after) = rest.strip_prefix('\'') {
        let mut characters = after.chars();
        let first = characters.next()?;
        if first == '\\' || characters.next() == Some('\'') {
            return Some(quoted(rest, '\''));
        }
    }
    None
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if character == quote {
            return at + 1;
        }
    }
    rest.len()
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        if tail.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if tail.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += tail.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The identifiers and keywords, each with what follows it.
pub(super) fn words(code: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = code;
    std::iter::from_fn(move || {
        let is_word = |character: char| character.is_alphanumeric() || character == '_';
        let start = rest.find(is_word)?;
        let tail = rest.get(start..)?;
        let length = tail.find(|character| !is_word(character)).unwrap_or(tail.len());
        let (word, after) = tail.split_at(length);
        rest = after;
        Some((word, after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_code_is_not() {
        let text = r###"a /* b /* c */ d */ "e\"f" r#"g"h"# 'i' '\'' &'j k // l
m"###;
        let code = code_of(text);
        let found: Vec<&str> = words(&code).map(|(word, _)| word).collect();
        assert_eq!(found, ["a", "j", "k", "m"]);
        assert_eq!(code.lines().count(), text.lines().count());
    }
}
