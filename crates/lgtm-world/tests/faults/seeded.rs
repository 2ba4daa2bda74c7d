//! Random faults at random requests: an apply either gets through or says what failed where and why, and
//! when the faults end one more apply comes to what an undisturbed one comes to.

use std::{collections::BTreeMap, time::Instant};

use lgtm_executor::{ApplyOptions, Report, World as _, prepare, sim::Random};
use lgtm_planner::plan::PlanOptions;
use serde_json::json;

use crate::{
    bed::{Bed, perform, steps},
    front::{Front, PROXIED},
    hand::Hand,
    proxy::{Asked, Fault},
    state::{assert_same, state},
};

/// How many applies of each sequence suffer faults.
const APPLIES: usize = 32;

fn topology(retention: &str, extra: &str) -> String {
    format!(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: faulty}}\nspec:\n  \
         provider: {{existing: {{kubeconfig: {PROXIED}}}}}\n  retention: {{metrics: {retention}}}\n  \
         hub: {{name: hub, segment: 172.20.0.248/29, provider: {{existing: {{context: hub}}}}}}\n  \
         spokes:\n    - {{name: edge, tenant: remote01, scenario: otel, provider: {{existing: {{context: edge}}}}}}\n  \
         extraManifests:\n    - {{name: extra, clusters: [hub, edge], files: [{extra}.yaml]}}\n"
    )
}

/// Two states of the file: between them objects are made, changed and taken away on both clusters.
const VARIANTS: [(&str, &str); 2] = [("7d", "many"), ("14d", "few")];

fn write_extras(bed: &Bed) {
    let map = |name: &str, value: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"},
               "data": {"value": value}})
    };
    let account = |name: &str| json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "default"}});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "parcels.faults.example.com"},
        "spec": {
            "group": "faults.example.com", "scope": "Namespaced",
            "names": {"kind": "Parcel", "plural": "parcels"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {
                "openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object",
                    "properties": {"weight": {"type": "integer"}}}}}}}],
        },
    });
    let parcel = json!({"apiVersion": "faults.example.com/v1", "kind": "Parcel",
        "metadata": {"name": "one", "namespace": "default"}, "spec": {"weight": 1}});
    bed.write_objects(
        "many.yaml",
        &[map("a", "1"), map("b", "1"), account("x"), account("y"), definition, parcel],
    );
    bed.write_objects("few.yaml", &[map("a", "2"), account("x")]);
}

/// What an apply came to, also when it came to nothing.
async fn attempt(bed: &mut Bed) -> Result<Report, Vec<String>> {
    bed.restart();
    bed.world.lock(&bed.topology.name).await.map_err(|failure| vec![failure.message])?;
    let prepared = prepare(&bed.world, &bed.topology, PlanOptions::default()).await;
    let outcome = match prepared {
        // Fewer tries than people get: where a cluster stays away, the rest is only waiting.
        Ok(prepared) => {
            let how = ApplyOptions { tries: 4, ..ApplyOptions::default() };
            Ok(perform(&bed.world, prepared, how).await)
        }
        Err(lgtm_executor::prepare::PrepareError::World(failures)) => {
            Err(failures.into_iter().map(|failure| failure.message).collect())
        }
        Err(other) => panic!("not the world's fault: {other:?}"),
    };
    bed.world.release_lock().await;
    outcome
}

/// What an apply said went wrong; nothing, when it got through.
fn said_by(outcome: Result<Report, Vec<String>>) -> Vec<String> {
    let report = match outcome {
        Ok(report) => report,
        Err(messages) => return messages,
    };
    let failed = report.failed.values().map(|failure| failure.message.clone());
    let said: Vec<String> = failed.chain(report.unreachable.values().cloned()).collect();
    assert_eq!(said.is_empty(), report.is_complete(), "{report:#?}");
    said
}

/// Deletes about half of what lgtmctl made in a namespace, so that there is much to be made again.
async fn wreck(hand: &Hand, seed: u64) {
    for kind in ["/api/v1", "/apis/apps/v1"] {
        let kinds: &[&str] = if kind == "/api/v1" {
            &["configmaps", "services", "serviceaccounts"]
        } else {
            &["deployments", "daemonsets"]
        };
        for plural in kinds {
            let place = format!("{kind}/namespaces/observability/{plural}");
            for object in hand.list(&place).await {
                let ours = object["metadata"]["labels"]["lgtmctl.dev/topology"] == "faulty";
                let path = format!("{place}/{}", object["metadata"]["name"].as_str().unwrap());
                if ours && Random::of(seed, &[&path]).percent(50) {
                    hand.begin_to_delete(&path).await;
                }
            }
        }
    }
}

/// One kind of weather. What a request suffers follows from the seed, the request, and how often it was
/// asked before, since many are on their way at once and come in another order each time.
fn weather(seed: u64) -> impl FnMut(&Asked) -> Option<Fault> + Send + 'static {
    let mut random = Random::new(seed);
    let every = [5, 15, 40][usize::try_from(random.below(3)).unwrap()];
    let ends = random.below(12) == 0;
    let mut ended = false;
    let mut asked_before: BTreeMap<(&str, String), u64> = BTreeMap::new();
    move |asked| {
        // Queries hold pages and versions, which differ from run to run.
        let path = asked.path.split('?').next().unwrap().to_owned();
        let nth = asked_before.entry((asked.verb, path.clone())).or_default();
        let mut random = Random::of(seed, &[asked.verb, &path, &nth.to_string()]);
        *nth += 1;
        // From some request on, nothing comes through any more.
        ended |= ends && random.below(75) == 0;
        if ended {
            return Some(Fault::ResetBefore);
        }
        if random.below(every) != 0 {
            return None;
        }
        let writes = !matches!(asked.verb, "get" | "list" | "watch" | "discover");
        Some(match random.below(12) {
            0 if writes => Fault::Refuse(409),
            0 | 1 => Fault::Refuse(503),
            2 => Fault::Refuse(500),
            3 => Fault::Throttle(1),
            4 => Fault::Lie(504),
            5 => Fault::Lie(500),
            6 => Fault::ResetBefore,
            7 | 8 => Fault::ResetAfter,
            9 => Fault::Cut,
            10 => Fault::Delay(random.below(400)),
            _ => Fault::Stale,
        })
    }
}

/// Says when a test fails how the same faults are had again.
struct Replay {
    seed: u64,
    applies: usize,
}

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { seed, applies } = self;
            eprintln!(
                "LGTMCTL_SEED={seed} LGTMCTL_APPLIES={applies} cargo test -p lgtm-world --test faults -- seeded"
            );
        }
    }
}

/// Two sequences at once, since most of the time is spent waiting. `LGTMCTL_SEED` plays another, and
/// `LGTMCTL_APPLIES` a longer one.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_requests_an_apply_gets_through_or_says_why() {
    get_through_or_say_why(20_261_121).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sequence_of_faults() {
    get_through_or_say_why(7).await;
}

async fn get_through_or_say_why(seed: u64) {
    let mut bed = Bed::new(&topology(VARIANTS[0].0, VARIANTS[0].1));
    write_extras(&bed);
    let front = Front::make(bed.folder.path(), &["hub", "edge"]).await;
    let (hub, edge) = (front.hand("hub").await, front.hand("edge").await);
    let both = async || (state(&hub, "faulty", "hub").await, state(&edge, "faulty", "edge").await);
    let mut expected = Vec::new();
    for (retention, extra) in [VARIANTS[0], VARIANTS[1]] {
        bed.edit(&topology(retention, extra));
        let begun = Instant::now();
        bed.converge().await;
        eprintln!("undisturbed {:?}\n{}", begun.elapsed(), front.proxy("hub").take_tally());
        expected.push(both().await);
    }

    let seed = std::env::var("LGTMCTL_SEED").map_or(seed, |seed| seed.parse().unwrap());
    let wanted = std::env::var("LGTMCTL_APPLIES").map_or(APPLIES, |applies| applies.parse().unwrap());
    let _replay = Replay { seed, applies: wanted };
    let mut random = Random::new(seed);
    let (mut applies, mut through) = (0, 0);
    let mut faults: BTreeMap<Fault, usize> = BTreeMap::new();
    for round in 0.. {
        if applies >= wanted {
            break;
        }
        let index = usize::try_from(round % 2_u64).unwrap();
        bed.edit(&topology(VARIANTS[index].0, VARIANTS[index].1));
        let begun = Instant::now();
        let mut said = Vec::new();
        for _ in 0..2 + random.below(3) {
            if random.below(3) == 0 {
                wreck(&hub, random.number()).await;
                wreck(&edge, random.number()).await;
                // A list from before would hide what is missing now, and its pods would be waited for.
                front.proxy("hub").heal();
                front.proxy("edge").heal();
            }
            front.proxy("hub").play(weather(random.number()));
            front.proxy("edge").play(weather(random.number()));
            let outcome = attempt(&mut bed).await;
            applies += 1;
            for name in ["hub", "edge"] {
                for fault in front.proxy(name).seen().into_iter().filter_map(|seen| seen.fault) {
                    *faults.entry(fault).or_default() += 1;
                }
            }
            let failures = said_by(outcome);
            through += usize::from(failures.is_empty());
            said.extend(failures);
        }
        front.proxy("hub").heal();
        front.proxy("edge").heal();
        let what = format!("seed {seed}, round {round}, {:?}: {said:#?}", begun.elapsed());
        eprintln!("{what}");
        for message in &said {
            let names_cluster = message.contains("cluster hub") || message.contains("cluster edge");
            assert!(names_cluster, "no cluster is named: {message}\n{what}");
        }
        bed.restart();
        let report = bed.apply().await;
        assert!(report.is_complete(), "{what}: {report:#?}");
        let now = both().await;
        assert_same(&what, &now.0, &expected[index].0);
        assert_same(&what, &now.1, &expected[index].1);
        bed.restart();
        assert_eq!(steps(&bed.plan().await), [""; 0], "{what}");
    }
    assert!(2 * through > applies, "of {applies} applies with faults only {through} got through");
    eprintln!("{applies} applies with faults, {through} of them got through; {faults:?}");
}
