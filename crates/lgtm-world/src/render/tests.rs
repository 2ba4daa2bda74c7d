//! What a render says and does not say, and how often helm is run for it.

use super::*;

#[test]
fn a_fault_in_a_manifest_does_not_show_what_stands_beside_it() {
    let unit: UnitId = "hub/own".parse().unwrap();
    for broken in [
        "  token: hunter2\n bad",
        "  token: hunter2\n  token: hunter2",
        "  token: [hunter2",
        "  a: \"hunter2\n",
    ] {
        let text = format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\nstringData:\n{broken}\n");
        let Err(failure) = parse(&unit, "own.yaml", &text) else { continue };
        assert!(!failure.message.contains("hunter2"), "{failure}");
        assert!(failure.message.contains("hub/own") && failure.message.contains("own.yaml"), "{failure}");
    }
    assert!(parse(&unit, "own.yaml", "a: [").is_err());
}

#[tokio::test]
async fn what_a_whole_fleet_asks_for_at_once_is_rendered_once() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (helm, runs) = (folder.path().join("helm"), folder.path().join("runs"));
    let object = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}";
    let script = format!("#!/bin/sh\ncat >/dev/null\necho run >>{}\necho '{object}'\n", runs.display());
    std::fs::write(&helm, script).unwrap();
    std::fs::set_permissions(&helm, std::fs::Permissions::from_mode(0o755)).unwrap();
    let cache = folder.path().join("cache");
    let tools = Tools::in_dir(folder.path());
    let source = ChartSource { mirror: None, lock: None };
    let renderer = Renderer::new(tools, folder.path().to_owned(), cache, source);
    let request = |cluster: u32| RenderRequest {
        unit: format!("spoke-{cluster}/node-exporter").parse().unwrap(),
        content: Content::Release(Release {
            chart: ChartRef::Embedded("node-exporter".to_owned()),
            name: "node-exporter".to_owned(),
            namespace: "observability".to_owned(),
            values: Arc::new(Value::Null),
            gives: Vec::new(),
        }),
        kube_version: "v1.35.1".to_owned(),
        api_versions: BTreeMap::new(),
    };
    let all = (0..8).map(|cluster| renderer.render(request(cluster), None));
    let rendered = futures::future::try_join_all(all).await.unwrap();
    assert!(rendered.iter().all(|rendered| rendered.objects.len() == 1));
    assert_eq!(std::fs::read_to_string(runs).unwrap().lines().count(), 1);
}
