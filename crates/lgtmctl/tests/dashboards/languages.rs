//! Small checkers for the parts of LogQL and TraceQL that the dashboards use.
//!
//! For neither language is there a parser crate with a licence that the project takes. What a checker does not know
//! is refused, never skipped: a query with more than this needs a checker that knows more.

use promql_parser::parser::{Expr, parse};

/// LogQL's functions over a range of lines, and what PromQL has in the same place.
const RANGE_FUNCTIONS: [(&str, &str); 4] = [
    ("bytes_over_time(", "count_over_time("),
    ("bytes_rate(", "rate("),
    ("count_over_time(", "count_over_time("),
    ("rate(", "rate("),
];
const LINE_FILTERS: [&str; 4] = ["|=", "|~", "!=", "!~"];

/// What is wrong with a LogQL query.
///
/// A stream selector is written as a selector of PromQL is, and what is around lines in a range as PromQL writes it,
/// so both are left to its parser. Of the pipeline, line filters are known.
pub(crate) fn logql(text: &str) -> Result<(), String> {
    let Some(start) = text.find('{') else { return Err("no stream selector".to_owned()) };
    let (before, from) = text.split_at(start);
    let end = after_braces(from).ok_or("the stream selector does not end")?;
    let (selector, pipeline) = from.split_at(end);
    // PromQL wants a matcher that does not match nothing, and so does Loki.
    match parse(selector) {
        Ok(Expr::VectorSelector(_)) => {}
        Ok(_) => return Err(format!("{selector} is no stream selector")),
        Err(error) => return Err(format!("{selector}: {error}")),
    }
    let rest = filters(pipeline)?;
    if before.trim().is_empty() && rest.is_empty() {
        return Ok(());
    }
    let (function, stand_in) = RANGE_FUNCTIONS
        .iter()
        .find(|(function, _)| {
            let called = before.strip_suffix(function);
            called.is_some_and(|outer| !outer.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        })
        .ok_or_else(|| format!("`{before}` ends with no function over a range of lines"))?;
    // PromQL takes seconds without a unit, and Loki does not.
    let range = rest.strip_prefix('[').and_then(|range| range.split_once(']'));
    if !range.is_some_and(|(range, _)| range.ends_with(|c: char| c.is_ascii_alphabetic())) {
        return Err(format!("`{rest}` begins with no range"));
    }
    let outer = before.strip_suffix(function).unwrap_or_default();
    parse(&format!("{outer}{stand_in}lines{rest}"))
        .map(|_| ())
        .map_err(|error| format!("around the lines: {error}"))
}

/// What follows the line filters of a pipeline.
fn filters(pipeline: &str) -> Result<&str, String> {
    let mut rest = pipeline.trim_start();
    while let Some(filter) = LINE_FILTERS.iter().find_map(|filter| rest.strip_prefix(filter)) {
        let pattern = filter.trim_start();
        let end = after_text(pattern).ok_or_else(|| format!("no text after a line filter: `{rest}`"))?;
        rest = pattern.split_at(end).1.trim_start();
    }
    if rest.starts_with(['|', '!']) { Err(format!("a stage that is not known: `{rest}`")) } else { Ok(rest) }
}

/// What is wrong with a TraceQL query: known is one spanset of comparisons joined by `&&`.
pub(crate) fn traceql(text: &str) -> Result<(), String> {
    let end = after_braces(text).ok_or("no spanset")?;
    let (spanset, rest) = text.split_at(end);
    if !rest.trim().is_empty() {
        return Err(format!("`{rest}` after the spanset is not known"));
    }
    let inner = spanset.trim_start_matches('{').trim_end_matches('}');
    inner.split("&&").try_for_each(|comparison| {
        let comparison = comparison.trim();
        let mut words = comparison.splitn(3, ' ');
        let (Some(field), Some(operator), Some(value)) = (words.next(), words.next(), words.next()) else {
            return Err(format!("`{comparison}` is no comparison"));
        };
        let is_text = after_text(value) == Some(value.len());
        let attribute = ["resource.", "span.", "."].iter().find_map(|scope| field.strip_prefix(scope));
        let known = match (field, attribute) {
            ("status", None) => ["error", "ok", "unset"].contains(&value) && ["=", "!="].contains(&operator),
            ("name", None) => is_text && ["=", "!=", "=~", "!~"].contains(&operator),
            (_, Some(name)) => {
                let plain = |c: char| c.is_ascii_alphanumeric() || ['.', '_', '-'].contains(&c);
                !name.is_empty()
                    && name.chars().all(plain)
                    && is_text
                    && ["=", "!=", "=~", "!~"].contains(&operator)
            }
            _ => false,
        };
        known.then_some(()).ok_or_else(|| format!("`{comparison}` is not known"))
    })
}

/// Where braces that a text begins with end; braces within quotes do not count.
fn after_braces(text: &str) -> Option<usize> {
    let mut at = text.strip_prefix('{').map(|_| 1)?;
    loop {
        let rest = text.get(at..)?;
        match rest.chars().next()? {
            '}' => return Some(at + 1),
            '{' => return None,
            '"' | '`' => at += after_text(rest)?,
            other => at += other.len_utf8(),
        }
    }
}

/// Where a quoted text ends that a text begins with. Only double quotes know escapes.
fn after_text(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|c| ['"', '`'].contains(c))?;
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            return Some(at + 1);
        }
        escaped = quote == '"' && c == '\\' && !escaped;
    }
    None
}

#[test]
fn what_is_logql_is_taken() {
    for text in [
        r#"{cluster=~"a", pod!="b"}"#,
        r#"{cluster=~"a}"} |= "x" != `y` |~ `(?i)\b(error)\b`"#,
        r#"sum by (cluster) (rate({cluster=~"a"} |~ `(?i)x` [5m]))"#,
        r#"topk(10, sum by (pod) (count_over_time({cluster="a"}[1h])))"#,
        r#"sum(bytes_rate({cluster="a"} |= "\"}" [5m])) / 2"#,
    ] {
        assert_eq!(logql(text), Ok(()), "{text}");
    }
}

#[test]
fn what_is_no_logql_is_refused() {
    for text in [
        "",
        r#"{cluster=~"a""#,
        r#"{cluster=~".*"}"#,
        r#"{cluster=~"("}"#,
        r#"{cluster "a"}"#,
        r#"{cluster="a"} |= x"#,
        r#"{cluster="a"} |~ `x"#,
        r#"{cluster="a"} | jsno"#,
        r#"{cluster="a"} [5m]"#,
        r#"rate({cluster="a"})"#,
        r#"rat({cluster="a"}[5m])"#,
        r#"my_rate({cluster="a"}[5m])"#,
        r#"sum by (cluster (rate({cluster="a"}[5m]))"#,
        r#"rate({cluster="a"}[5])"#,
        r#"rate({cluster="a"}[5m]) extra"#,
    ] {
        assert!(logql(text).is_err(), "{text}");
    }
}

#[test]
fn traceql_is_told_from_what_is_none() {
    for text in [r#"{ resource.cluster =~ "a}" }"#, r#"{ .x = "y" && status = error && name != "z" }"#] {
        assert_eq!(traceql(text), Ok(()), "{text}");
    }
    for text in [
        "",
        "{ }",
        r#"{ resource.cluster =~ "a" "#,
        r#"{ resource.cluster =~ a }"#,
        r#"{ resource.cluster ~ "a" }"#,
        r#"{ cluster = "a" }"#,
        r#"{ resource. = "a" }"#,
        r#"{ status = failed }"#,
        r#"{ status = error && }"#,
        r#"{ status = error } | count() > 1"#,
        r#"{ status = error || name = "x" }"#,
    ] {
        assert!(traceql(text).is_err(), "{text}");
    }
}
