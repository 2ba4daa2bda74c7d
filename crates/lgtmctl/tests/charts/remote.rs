//! Manifests from the web: locked, vendored, and held against their digests as charts are.

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
    };
    refused("missing.yaml", "404");
    web.publish("<html>Not here: log in first</html>");
    refused("install.yaml", "install.yaml");
    web.publish(ONE);
    refused("open/install.yaml", "https only");
    std::fs::write(place.path("trusted.pem"), "").unwrap();
    refused("install.yaml", "cannot be fetched");
    let other = Web::start(&place.path("trusted.pem"));
    refused("install.yaml", "certificate");

    // Where a place has moved, it is followed.
    other.publish(ONE);
    ask_for(&place, &other.url("old/install.yaml"));
    let (code, _, said) = place.run(&["lock"]);
    assert_eq!(code, 0, "{said}");
}
