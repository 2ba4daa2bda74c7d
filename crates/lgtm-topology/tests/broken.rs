//! One broken topology per file under `broken/`, and what a person sees of each.

use std::{collections::BTreeSet, fs, path::Path};

use lgtm_topology::{Code, Diagnostic, Parsed, Severity, parse, parse_bytes};
use miette::{GraphicalReportHandler, GraphicalTheme};

/// The report as a terminal without colours shows it.
fn render(parsed: &Parsed) -> String {
    let mut seen = String::new();
    let drawn = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(110)
        .with_links(false)
        .render_report(&mut seen, &parsed.report());
    assert!(drawn.is_ok(), "the report cannot be drawn: {drawn:?}");
    seen.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Parses the file, checks what holds for every broken topology, and compares what a person sees.
fn check(name: &str, source: &str) {
    let file_name = format!("{name}.yaml");
    let parsed = parse(&file_name, source);
    assert!(parsed.has_errors(), "{name} is not broken");
    assert_eq!(parsed.topology, None, "{name}: errors, and a topology all the same");
    for found in &parsed.diagnostics {
        let said = format!("{name}: {found:?}");
        assert!(!found.message.is_empty() && !found.label.is_empty() && !found.help.is_empty(), "{said}");
        assert!(found.message.starts_with(|c: char| c == '`' || c == 'G' || !c.is_uppercase()), "{said}");
        assert!(!found.message.ends_with('.') && !found.help.ends_with('.'), "{said}");
        assert!(source.get(found.span.offset..found.span.offset + found.span.len).is_some(), "{said}");
        // The position is the span's, counted independently.
        let before = &source[..found.span.offset];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        assert_eq!((found.position.line as usize, found.position.column as usize), (line, column), "{said}");
    }
    let seen = render(&parsed);
    if let Some(start) = source.find("hunter2")
        && parsed.diagnostics.iter().all(|found| found.code != Code::Syntax)
    {
        let end = start + source[start..].find(['\n', ',', '}']).unwrap_or_default();
        let touches =
            |found: &Diagnostic| found.span.offset < end && start < found.span.offset + found.span.len;
        assert!(!parsed.diagnostics.iter().any(touches), "{name} underlines a password:\n{seen}");
    }
    assert!(!seen.contains("hunter2"), "{name} shows a password:\n{seen}");
    assert!(!format!("{parsed:?}").contains("hunter2"), "{name} holds a password:\n{parsed:?}");
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, seen);
    });
}

macro_rules! broken {
    ($($name:ident,)*) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name), include_str!(concat!("broken/", stringify!($name), ".yaml")));
            }
        )*

        /// The names of all cases with their texts.
        const CASES: &[(&str, &str)] =
            &[$((stringify!($name), include_str!(concat!("broken/", stringify!($name), ".yaml"))),)*];
    };
}

broken! {
    alias,
    alias_bomb,
    cidr_forms,
    cidr_over_nodes,
    cidr_overlaps,
    cidr_sizes,
    cidr_too_few_nodes,
    cluster_names,
    collection_as_key,
    deep_nesting,
    demos,
    duplicate_clusters,
    duplicate_ids,
    duplicate_key,
    duplicate_tenants,
    empty,
    everything_at_once,
    existing_context_for_all,
    existing_same_context,
    existing_short_segment,
    existing_without_context,
    existing_workers,
    extra_incomplete,
    extra_lists,
    extra_names,
    extra_needs,
    extra_paths,
    extra_repository,
    extra_unknown_cluster,
    extra_values,
    grafana_host,
    grafana_host_alone,
    grafana_issuer,
    grafana_password_alias,
    grafana_password_syntax,
    grafana_secret,
    grafana_two_gateways,
    grafana_two_passwords,
    grafana_weak_password,
    grafana_without_host,
    hub_tenant,
    huge_number,
    list_document,
    log_shipper,
    long_topology_name,
    merge_key,
    metadata_extras,
    misspelt_fields,
    no_provider,
    not_yaml,
    nothing_required,
    numbers,
    only_comments,
    overrides,
    provider_as_text,
    provider_none_and_both,
    provider_settings,
    provider_unknown,
    retention,
    retention_too_long,
    scalar_document,
    segment_forms,
    segment_missing,
    segment_outside,
    segment_over_pods,
    segment_overlaps,
    segment_reserved,
    several_documents,
    tab_indentation,
    tag,
    tenant_limits,
    tenant_names,
    unknown_choices,
    unknown_fields,
    unquoted_text,
    unsupported_choices,
    unsupported_fields,
    unsupported_provider,
    unterminated_quote,
    values_left_out,
    wrong_api_version,
    wrong_kind,
    wrong_types,
}

#[test]
#[expect(clippy::disallowed_methods, reason = "only this test asks which files there are")]
fn no_file_is_forgotten() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let files: BTreeSet<String> = fs::read_dir(folder)
        .expect("the folder of broken topologies")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    let cases: BTreeSet<String> = CASES.iter().map(|(name, _)| format!("{name}.yaml")).collect();
    assert_eq!(files, cases);
    assert!(cases.len() >= 45, "only {} broken topologies", cases.len());
}

#[test]
fn every_code_is_covered() {
    let mut seen: BTreeSet<Code> = CASES
        .iter()
        .flat_map(|(name, source)| parse(name, source).diagnostics)
        .map(|found| found.code)
        .collect();
    // These need more, or other, bytes than a file under version control should have; see below.
    seen.extend([Code::Encoding, Code::TooLarge, Code::TooMany]);
    let missing: Vec<_> = Code::ALL.iter().filter(|code| !seen.contains(code)).collect();
    assert!(missing.is_empty(), "no broken topology shows {missing:?}");
}

#[test]
fn bytes_that_are_not_text() {
    let parsed = parse_bytes("latin1.yaml", b"kind: Topology\nadminPassword: hunter2\nname: caf\xe9\n");
    let [found] = parsed.diagnostics.as_slice() else { panic!("{:?}", parsed.diagnostics) };
    assert_eq!((found.code, found.position.line, found.position.column), (Code::Encoding, 3, 10));
    let seen = render(&parsed);
    assert!(seen.contains("name: caf") && !seen.contains("hunter2"), "{seen}");
    assert!(parse_bytes("utf16.yaml", b"\xff\xfek\0i\0n\0d\0").has_errors());
}

#[test]
fn a_byte_order_mark_is_harmless() {
    let text = format!("\u{feff}{}", include_str!("../../../examples/quickstart.yaml"));
    assert_eq!(parse("bom.yaml", &text).diagnostics, []);
}

#[test]
fn carriage_returns_are_harmless() {
    let text = include_str!("../../../examples/quickstart.yaml").replace('\n', "\r\n");
    assert_eq!(parse("windows.yaml", &text).diagnostics, []);
}

#[test]
fn files_that_are_too_large_are_not_read() {
    let parsed = parse("large.yaml", &"#\n".repeat(3 * 1024 * 1024));
    assert_eq!(parsed.diagnostics.iter().map(|found| found.code).collect::<Vec<_>>(), [Code::TooLarge]);
}

#[test]
fn more_problems_than_anybody_reads_are_counted() {
    let text: String = (0..5_000).map(|field| format!("field{field}: x\n")).collect();
    let parsed = parse("many.yaml", &text);
    assert_eq!(parsed.diagnostics.len(), 1_001);
    let last = parsed.diagnostics.last().expect("the last one");
    assert_eq!(last.code, Code::TooMany);
    // Five thousand unknown fields and four missing ones.
    assert_eq!(last.message, "4004 more problems are not listed");
}

#[test]
fn warnings_leave_a_topology() {
    let text = format!(
        "{}  tenants:\n    - {{name: remote01, limits: {{}}}}\n",
        include_str!("../../../examples/quickstart.yaml")
    );
    let parsed = parse("warning.yaml", &text);
    assert!(parsed.topology.is_some());
    let [found] = parsed.diagnostics.as_slice() else { panic!("{:?}", parsed.diagnostics) };
    assert_eq!((found.severity, found.code), (Severity::Warning, Code::NoEffect));
    assert_eq!(parsed.report().to_string(), "warning.yaml: 0 errors, 1 warning");
}

#[test]
fn passwords_are_in_no_representation_of_a_topology() {
    let text = include_str!("../../../examples/quickstart.yaml")
        .replace("    segment:", "    grafana: {adminPassword: hunter2hunter2}\n    segment:");
    let parsed = parse("password.yaml", &text);
    let topology = parsed.topology.as_ref().expect("a topology");
    let json = serde_json::to_string(topology).expect("JSON");
    for text in [format!("{parsed:?}"), json, render(&parsed), format!("{:?}", parsed.report())] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}
