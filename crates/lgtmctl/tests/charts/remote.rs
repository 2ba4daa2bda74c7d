//! Manifests from the web: locked, vendored, and held against their digests as charts are.

use lgtm_planner::catalog::entrance::GATEWAY_API;

use crate::{Place, web::Web};

const ONE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n";

/// A topology on whose hub the file of this URL is applied.
fn ask_for(place: &Place, url: &str) {
    let text = format!(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: small}}\nspec:\n  \
         provider: {{kwok: {{}}}}\n  hub: {{name: hub, segment: 248/29}}\n  spokes: []\n  extraManifests:\n    \
         - {{name: mine, clusters: [hub], namespace: apps, files: [\"{url}\"]}}\n"
    );
    std::fs::write(place.path("topology.yaml"), text).unwrap();
}

/// Puts a file into the mirror in the place of the Gateway API's definitions.
pub(crate) fn mirror(place: &Place, text: &str) {
    let file = GATEWAY_API.trim_start_matches("https://").replace('/', "-");
    std::fs::create_dir_all(place.path("mirror")).unwrap();
    std::fs::write(place.path("mirror").join(file), text).unwrap();
}

fn place() -> (Place, Web) {
    let place = Place::new("1.0.0");
    let web = Web::start(&place.path("trusted.pem"));
    (place, web)
}

#[test]
fn manifests_are_fetched_once_locked_and_carried() {
    let (place, web) = place();
    let url = web.url("v1/install.yaml");
    ask_for(&place, &url);
    web.publish(ONE);
    let render = ["render", "hub/mine", "--to", "out"];
    let (code, _, said) = place.run(&render);
    assert!(code == 1 && said.contains(&url) && said.contains("not in the lock file"), "{said}");

    let (code, changed, said) = place.run(&["lock"]);
    assert!(code == 0 && changed.starts_with(&format!("+ {url}: sha256:")), "{changed}{said}");
    assert!(said.contains("0 charts and 1 manifest file"), "{said}");
    let (code, changed, _) = place.run(&["lock", "--check"]);
    assert_eq!((code, changed.as_str()), (0, ""));

    // What is locked is in the cache, whatever is published from now on.
    web.publish(&ONE.replace("one", "two"));
    assert_eq!(place.run(&render).0, 0);
    let rendered = std::fs::read_to_string(place.path("out/hub/mine/configmap-apps-one.yaml")).unwrap();
    assert!(rendered.contains("namespace: apps"), "{rendered}");
    let (code, _, said) = place.run(&["vendor", "carried"]);
    assert!(code == 0 && said.contains("1 manifest file in carried"), "{said}");
    let file = url.trim_start_matches("https://").replace(['/', ':'], "-");
    assert_eq!(std::fs::read_to_string(place.path("carried").join(&file)).unwrap(), ONE);

    // A folder serves as well, and is not trusted more.
    let carried = ["render", "hub/mine", "--to", "out", "--chart-mirror", "carried"];
    assert_eq!(place.run(&carried).0, 0);
    std::fs::write(place.path("carried").join(&file), "kind: Other").unwrap();
    let (code, _, said) = place.run(&carried);
    assert!(code == 1 && said.contains("not the locked one"), "{said}");

    let (code, changed, _) = place.run(&["lock", "--upgrade"]);
    assert!(code == 0 && changed.contains("other bytes under the same URL"), "{changed}");
    ask_for(&place, &web.url("v2/install.yaml"));
    let (_, changed, _) = place.run(&["lock"]);
    assert!(changed.contains("+ https://") && changed.contains(&format!("- {url}")), "{changed}");
}

#[test]
fn what_cannot_be_had_or_is_no_manifest_is_not_locked() {
    let (place, web) = place();
    let refused = |path: &str, why: &str| {
        ask_for(&place, &web.url(path));
        let (code, _, said) = place.run(&["lock"]);
        assert!(code == 1 && said.contains(why), "{path}: {said}");
        assert!(!place.path("topology.lock").exists(), "{path}");
        said
    };
    let missing = refused("missing.yaml", "404");
    assert!(missing.contains("help: see that the URL is right"), "{missing}");
    web.publish("<html>Not here: log in first</html>");
    refused("install.yaml", "install.yaml");
    web.publish(&"#".repeat(64 * 1024 * 1024 + 1));
    let large = refused("install.yaml", "larger than 64 MiB");
    assert!(large.contains("help: see that the URL leads to a file of manifests"), "{large}");
    web.publish(ONE);
    refused("open/install.yaml", "without TLS");
    std::fs::write(place.path("trusted.pem"), "").unwrap();
    refused("install.yaml", "cannot be fetched");
    let other = Web::start(&place.path("trusted.pem"));
    let mistrusted = refused("install.yaml", "certificate");
    assert!(mistrusted.contains("trusts the authority"), "{mistrusted}");

    // Where a place has moved, it is followed.
    other.publish(ONE);
    ask_for(&place, &other.url("old/install.yaml"));
    let (code, _, said) = place.run(&["lock"]);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn files_that_differ_by_case_alone_are_not_vendored() {
    let (place, web) = place();
    web.publish(ONE);
    let (upper, lower) = (web.url("CRD.yaml"), web.url("crd.yaml"));
    ask_for(&place, &format!("{upper}\", \"{lower}"));
    let (code, _, said) = place.run(&["lock"]);
    assert_eq!(code, 0, "{said}");
    let (code, _, said) = place.run(&["vendor", "carried"]);
    assert!(code == 2 && said.contains(&upper) && said.contains(&lower), "{code} {said}");
    assert!(!place.path("carried").exists(), "a folder that lacks one of them");
}

#[test]
fn a_rehearsal_has_the_definitions_that_the_real_cluster_brings() {
    let place = Place::new("1.0.0");
    let text = "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {name: small}\nspec:\n  \
        provider: {existing: {}}\n  hub:\n    name: hub\n    provider: {existing: {context: one}}\n    \
        grafana: {host: grafana.example.com, gateway: {name: shared, namespace: infra}}\n  spokes: []\n";
    std::fs::write(place.path("topology.yaml"), text).unwrap();
    mirror(&place, ONE);
    let (code, changed, said) = place.run(&["lock", "--chart-mirror", "mirror"]);
    assert!(code == 0 && changed.starts_with(&format!("+ {GATEWAY_API}")), "{changed}{said}");
    let (_, graph, _) = place.run(&["graph"]);
    assert!(!graph.contains("gateway-api") && graph.contains("grafana-gateway"), "{graph}");
}

#[test]
fn grafana_knows_the_name_under_which_it_is_reached() {
    let place = Place::new("1.0.0");
    let text = "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {name: small}\nspec:\n  \
        provider: {kwok: {}}\n  hub:\n    name: hub\n    segment: 248/29\n    \
        grafana: {host: grafana.example.com, gatewayClass: cilium}\n  spokes: []\n";
    std::fs::write(place.path("topology.yaml"), text).unwrap();
    mirror(&place, ONE);
    assert_eq!(place.run(&["lock", "--chart-mirror", "mirror"]).0, 0);
    let units = ["hub/grafana", "hub/grafana-gateway", "--to", "out", "--chart-mirror", "mirror"];
    let (code, _, said) = place.run(&[&["render"], &units[..]].concat());
    assert_eq!(code, 0, "{said}");
    let config = place.path("out/hub/grafana/configmap-observability-grafana-config.yaml");
    let config = std::fs::read_to_string(config).unwrap();
    assert!(
        config.contains("[server]\n") && config.contains("root_url = https://grafana.example.com/"),
        "{config}"
    );
    let files = std::fs::read_dir(place.path("out/hub/grafana-gateway")).unwrap();
    assert_eq!(files.count(), 3);
}
