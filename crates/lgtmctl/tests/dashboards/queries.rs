//! Every query is checked for being one.
//!
//! PromQL by `promql-parser`, which follows Prometheus' grammar; LogQL and TraceQL by checkers of our own.

use std::collections::BTreeSet;

use promql_parser::{
    label::{MatchOp, Matcher},
    parser::{Expr, VectorSelector, parse},
    util::{ExprVisitor, walk_expr},
};

use crate::{
    board::{self, Language, Query},
    languages,
};

/// The names of Grafana's variables in a text. `$1` is a group of `label_replace`.
pub(crate) fn variables_in(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    pieces(text, |name| {
        found.insert(name.to_owned());
        String::new()
    });
    found
}

/// A query as the data source gets it, with some value for each variable.
fn substituted(text: &str) -> String {
    pieces(text, |name| {
        let value = match name {
            "__rate_interval" | "__interval" | "__auto" => "5m",
            "__range" => "1h",
            _ => "some.value",
        };
        value.to_owned()
    })
}

/// A text with its variables replaced, whether written `$name`, `${name}` or `${name:format}`.
fn pieces(text: &str, mut replace: impl FnMut(&str) -> String) -> String {
    let mut rest = text;
    let mut whole = String::new();
    while let Some((before, after)) = rest.split_once('$') {
        whole.push_str(before);
        let inner = after.strip_prefix('{').and_then(|braced| braced.split_once('}'));
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
        let (name, left) = match inner {
            Some((inner, left)) => (inner.split(':').next().unwrap_or(inner), left),
            None => after.split_at(end),
        };
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            whole.push('$');
            whole.push_str(name);
        } else {
            whole.push_str(&replace(name));
        }
        rest = left;
    }
    whole + rest
}

/// Why a query is none.
fn problem(query: &Query) -> Option<String> {
    let text = substituted(&query.text);
    let said = match query.language {
        Language::Metrics => parse(&text).err(),
        Language::Logs => languages::logql(&text).err(),
        Language::Traces => languages::traceql(&text).err(),
    };
    said.map(|said| format!("{}: `{text}`: {said}", query.place))
}

/// What a PromQL query selects.
pub(crate) fn selected(text: &str) -> Vec<VectorSelector> {
    struct Selectors(Vec<VectorSelector>);
    impl ExprVisitor for Selectors {
        type Error = std::convert::Infallible;

        fn pre_visit(&mut self, expression: &Expr) -> Result<bool, Self::Error> {
            if let Expr::VectorSelector(selector) = expression {
                self.0.push(selector.clone());
            }
            if let Expr::MatrixSelector(range) = expression {
                self.0.push(range.vs.clone());
            }
            Ok(true)
        }
    }
    let mut selectors = Selectors(Vec::new());
    let expression = parse(&substituted(text)).unwrap_or_else(|error| panic!("{text}: {error}"));
    walk_expr(&mut selectors, &expression).unwrap();
    selectors.0
}

/// The metrics that a selector may mean: its own name, or the alternatives that it gives for `__name__`.
pub(crate) fn names(selector: &VectorSelector) -> Vec<String> {
    match &selector.name {
        Some(name) => vec![name.clone()],
        None => alternatives(selector, "__name__"),
    }
}

/// The values that a selector allows for a label, where it wants it equal to one or to one of several.
pub(crate) fn alternatives(selector: &VectorSelector, label: &str) -> Vec<String> {
    let wanted =
        |matcher: &&Matcher| matcher.name == label && matches!(matcher.op, MatchOp::Equal | MatchOp::Re(_));
    let matchers = selector.matchers.matchers.iter().filter(wanted);
    matchers.flat_map(|matcher| matcher.value.split('|')).map(str::to_owned).collect()
}

/// The metrics that a PromQL query asks for.
pub(crate) fn metrics_in(text: &str) -> BTreeSet<String> {
    selected(text).iter().flat_map(names).collect()
}

#[test]
fn every_query_parses() {
    let queries: Vec<Query> = board::all().iter().flat_map(board::Board::queries).collect();
    assert_eq!(queries.iter().filter_map(problem).collect::<Vec<_>>(), [""; 0]);
    for language in [Language::Metrics, Language::Logs, Language::Traces] {
        assert!(queries.iter().any(|query| query.language == language), "none of {language:?}");
    }
}

#[test]
fn what_is_no_query_is_noticed() {
    let wrong = [
        (Language::Metrics, "sum by (cluster (up)"),
        (Language::Metrics, "rate(up{cluster=~\"$cluster\"})"),
        (Language::Logs, "{cluster=~\"$cluster\" |= `x`"),
        (Language::Logs, "sum by (cluster) (rate({cluster=~\"$cluster\"} [$__auto])"),
        (Language::Traces, "{ resource.cluster =~ \"${cluster:regex}\" && }"),
    ];
    for (language, text) in wrong {
        let query = Query { place: "here".to_owned(), language, text: text.to_owned() };
        assert!(problem(&query).is_some(), "{text}");
    }
}

#[test]
fn variables_are_found_in_every_notation() {
    let text = "up{a=~\"$one\", b=\"${two}\", c=\"${three:regex}\"}[$__rate_interval] \"$1\"";
    assert_eq!(
        variables_in(text).into_iter().collect::<Vec<_>>(),
        ["__rate_interval", "one", "three", "two"]
    );
    assert_eq!(metrics_in("sum(rate(a{b=\"c\"}[5m])) / {__name__=~\"d|e\"}").len(), 3);
}
