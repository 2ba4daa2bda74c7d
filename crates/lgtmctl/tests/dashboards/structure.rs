//! What Grafana itself would not say: panels that lie on each other, ids that are there twice, data sources and
//! tenants that only one hub has.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    board::{self, Board, list, text},
    queries::variables_in,
    rendered::RENDERED,
};

/// Grafana's grid.
const COLUMNS: u64 = 24;
/// A ConfigMap may have a mebibyte, with all that Kubernetes adds.
const CONFIG_MAP_MAX: usize = 900 * 1024;
/// What the examples call tenants and clusters, and how data sources' uids end.
const OF_ONE_HUB: [&str; 7] =
    ["_local", "remote01", "remote02", "remote03", "lgtm-central", "lgtm-remote", "_ds\""];

/// Left, top, right and bottom edge.
type Area = [u64; 4];

fn area(panel: &Value) -> Area {
    let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
    [side("x"), side("y"), side("x") + side("w"), side("y") + side("h")]
}

/// Panels that lie on each other, outside of the grid, or are called alike.
fn misplaced(board: &Board) -> Vec<String> {
    let mut problems = Vec::new();
    let mut ids = BTreeSet::new();
    let areas: Vec<(String, Area)> =
        board.panels().iter().map(|panel| (board.place(panel), area(panel))).collect();
    for panel in board.panels() {
        if !ids.insert(panel["id"].as_u64().unwrap()) {
            problems.push(format!("{}: the id is another panel's", board.place(panel)));
        }
    }
    for (index, (place, [left, top, right, bottom])) in areas.iter().enumerate() {
        if right > &COLUMNS || left >= right || top >= bottom {
            problems.push(format!("{place}: not within {COLUMNS} columns"));
        }
        for (other, [its_left, its_top, its_right, its_bottom]) in areas.iter().skip(index + 1) {
            if left < its_right && its_left < right && top < its_bottom && its_top < bottom {
                problems.push(format!("{place}: lies on {other}"));
            }
        }
    }
    problems
}

/// Every `datasource` object, wherever it is.
fn data_sources<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    if let Some(map) = value.as_object() {
        found.extend(map.get("datasource"));
        map.values().for_each(|value| data_sources(value, found));
    }
    for value in value.as_array().into_iter().flatten() {
        data_sources(value, found);
    }
}

/// Data sources that are not a variable of their own type.
fn foreign_data_sources(board: &Board) -> Vec<String> {
    let mut found = Vec::new();
    data_sources(&board.json, &mut found);
    let known: BTreeSet<(String, &str)> = board
        .variables()
        .iter()
        .filter(|variable| text(variable, "/type") == "datasource")
        .map(|variable| (format!("${{{}}}", text(variable, "/name")), text(variable, "/query")))
        .collect();
    found
        .into_iter()
        .filter(|source| !known.contains(&(text(source, "/uid").to_owned(), text(source, "/type"))))
        .map(|source| format!("{}: the data source {source} is no variable", board.name))
        .collect()
}

#[test]
fn panels_lie_side_by_side() {
    for board in board::all() {
        assert_eq!(misplaced(&board), [""; 0]);
    }
}

#[test]
fn a_panel_on_another_is_noticed() {
    let mut board = board::all().remove(0);
    board.json["panels"][2]["gridPos"] = board.json["panels"][1]["gridPos"].clone();
    board.json["panels"][2]["id"] = board.json["panels"][1]["id"].clone();
    assert_eq!(misplaced(&board).len(), 2);
}

#[test]
fn data_sources_are_variables() {
    for board in board::all() {
        assert_eq!(foreign_data_sources(&board), [""; 0]);
        for panel in board.asking() {
            let targets = list(panel, "/targets");
            assert!(panel["datasource"].is_object() && !targets.is_empty(), "{}", board.place(panel));
            let ids: BTreeSet<&str> = targets.iter().map(|target| text(target, "/refId")).collect();
            assert!(ids.len() == targets.len() && !ids.contains(""), "{}", board.place(panel));
            assert!(targets.iter().all(|target| target["datasource"].is_object()), "{}", board.place(panel));
        }
    }
}

#[test]
fn a_data_source_of_one_hub_is_noticed() {
    let mut board = board::all().remove(0);
    board.json["panels"][1]["datasource"]["uid"] = "mimir_ds".into();
    assert_eq!(foreign_data_sources(&board).len(), 1);
}

#[test]
fn dashboards_fit_every_hub() {
    for board in board::all() {
        let text = board.json.to_string();
        for word in OF_ONE_HUB {
            assert!(!text.contains(word), "{}: {word}", board.name);
        }
    }
}

#[test]
fn every_variable_in_use_is_defined() {
    for board in board::all() {
        let defined: BTreeSet<&str> =
            board.variables().iter().map(|variable| text(variable, "/name")).collect();
        assert!(defined.contains("cluster"), "{}", board.name);
        for query in board.queries() {
            for variable in variables_in(&query.text) {
                let known = variable.starts_with("__") || defined.contains(variable.as_str());
                assert!(known, "{}: `${variable}` is not defined", query.place);
            }
        }
    }
}

#[test]
fn panels_say_what_they_show() {
    for board in board::all() {
        for panel in board.asking() {
            let place = board.place(panel);
            assert!(!text(panel, "/title").is_empty() && !text(panel, "/description").is_empty(), "{place}");
            let units = match text(panel, "/type") {
                "logs" | "nodeGraph" => continue,
                "table" if text(panel, "/datasource/type") == "tempo" => continue,
                "table" => list(panel, "/fieldConfig/overrides")
                    .iter()
                    .map(|column| text(column, "/properties/0/value"))
                    .collect(),
                _ => vec![text(panel, "/fieldConfig/defaults/unit")],
            };
            assert!(!units.is_empty() && units.iter().all(|unit| !unit.is_empty()), "{place}: no unit");
        }
    }
}

#[test]
fn dashboards_are_told_apart_and_belong_together() {
    let boards = board::all();
    for pointer in ["/uid", "/title"] {
        let names: BTreeSet<&str> = boards.iter().map(|board| text(&board.json, pointer)).collect();
        assert!(names.len() == boards.len() && !names.contains(""), "{names:?}");
    }
    for Board { name, json } in &boards {
        assert_eq!(json["schemaVersion"], 41, "{name}");
        assert_eq!(json["editable"], false, "{name}");
        assert!(text(json, "/uid").starts_with("lgtm-") && !text(json, "/description").is_empty(), "{name}");
        assert!(list(json, "/tags").iter().any(|tag| tag == "lgtm"), "{name}: the links lead by this tag");
    }
}

#[test]
fn the_chart_carries_all_of_them_in_one_config_map() {
    let data = RENDERED.data("lgtm-central", "grafana", "grafana-dashboards");
    let boards = board::all();
    assert_eq!(data.keys().collect::<Vec<_>>(), boards.iter().map(|board| &board.name).collect::<Vec<_>>());
    for board in &boards {
        let carried: Value = serde_json::from_str(data[&board.name].as_str().unwrap()).unwrap();
        assert_eq!(carried, board.json, "{}", board.name);
    }
    let size: usize = data.values().map(|text| text.as_str().unwrap().len()).sum();
    assert!(size < CONFIG_MAP_MAX, "{size} bytes");
    let ini = &RENDERED.data("lgtm-central", "grafana", "grafana-config")["grafana.ini"];
    let home =
        ini.as_str().unwrap().lines().find_map(|line| line.strip_prefix("default_home_dashboard_path = "));
    assert!(data.contains_key(home.unwrap().rsplit('/').next().unwrap()), "{home:?}");
}
