//! A dashboard's JSON, and what the tests want of it: panels, variables, queries.
//!
//! It knows where Grafana's schema keeps these, and refuses to judge them.

use std::path::Path;

use serde_json::Value;

/// A dashboard, by the name of its file.
#[derive(Clone)]
pub(crate) struct Board {
    pub(crate) name: String,
    pub(crate) json: Value,
}

/// The language of a query, by the type of the data source that it asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Language {
    /// PromQL.
    Metrics,
    /// LogQL.
    Logs,
    /// TraceQL.
    Traces,
}

/// A query of a panel, or of a variable.
pub(crate) struct Query {
    /// The dashboard and the panel or variable.
    pub(crate) place: String,
    pub(crate) language: Language,
    pub(crate) text: String,
}

/// Every dashboard of the chart.
pub(crate) fn all() -> Vec<Board> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts/grafana/dashboards");
    let mut boards: Vec<Board> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            let json = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            Board { name: path.file_name().unwrap().to_str().unwrap().to_owned(), json }
        })
        .collect();
    boards.sort_by(|one, other| one.name.cmp(&other.name));
    boards
}

/// A text of a JSON object, or nothing.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A list of a JSON object, or nothing.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

impl Board {
    /// All panels, rows among them.
    pub(crate) fn panels(&self) -> &[Value] {
        list(&self.json, "/panels")
    }

    /// The panels that ask for something.
    pub(crate) fn asking(&self) -> impl Iterator<Item = &Value> {
        self.panels().iter().filter(|panel| text(panel, "/type") != "row")
    }

    pub(crate) fn variables(&self) -> &[Value] {
        list(&self.json, "/templating/list")
    }

    /// Where a panel is, for messages.
    pub(crate) fn place(&self, panel: &Value) -> String {
        format!("{}: {}", self.name, text(panel, "/title"))
    }

    /// The queries of one panel. A panel that draws what the data source makes by itself has none.
    pub(crate) fn queries_of(&self, panel: &Value) -> Vec<Query> {
        let query = |target: &Value| {
            let (language, pointer) = match text(target, "/datasource/type") {
                "prometheus" => (Language::Metrics, "/expr"),
                "loki" => (Language::Logs, "/expr"),
                "tempo" if text(target, "/queryType") == "serviceMap" => return None,
                "tempo" => (Language::Traces, "/query"),
                other => panic!("{}: a data source of type `{other}`", self.place(panel)),
            };
            Some(Query { place: self.place(panel), language, text: text(target, pointer).to_owned() })
        };
        list(panel, "/targets").iter().filter_map(query).collect()
    }

    /// The queries by which variables find their values.
    pub(crate) fn queries_of_variables(&self) -> Vec<Query> {
        let variables = self.variables().iter().filter(|variable| text(variable, "/type") == "query");
        let query = |variable: &Value| {
            let place = format!("{}: variable {}", self.name, text(variable, "/name"));
            match text(variable, "/datasource/type") {
                "prometheus" => Some(Query {
                    text: asked(text(variable, "/query/query"), &place),
                    language: Language::Metrics,
                    place,
                }),
                // Loki's variables name a label, and streams where it is wanted.
                "loki" => {
                    let text = text(variable, "/query/stream").to_owned();
                    (!text.is_empty()).then_some(Query { place, language: Language::Logs, text })
                }
                other => panic!("{place}: a data source of type `{other}`"),
            }
        };
        variables.filter_map(query).collect()
    }

    pub(crate) fn queries(&self) -> Vec<Query> {
        let panels = self.asking().flat_map(|panel| self.queries_of(panel));
        panels.chain(self.queries_of_variables()).collect()
    }
}

/// The PromQL inside of Grafana's `label_values(…, label)` and `query_result(…)`.
fn asked(variable: &str, place: &str) -> String {
    let inner = |function: &str| variable.strip_prefix(function)?.strip_suffix(')');
    if let Some(labels) = inner("label_values(") {
        return labels.rsplit_once(',').unwrap_or_else(|| panic!("{place}: no label")).0.to_owned();
    }
    inner("query_result(").unwrap_or_else(|| panic!("{place}: `{variable}`")).to_owned()
}
