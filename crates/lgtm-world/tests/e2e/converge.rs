//! The whole road: apply, nothing to do, destroy.

use crate::bed::{Bed, steps};

const QUICKSTART: &str = include_str!("../../../../examples/quickstart.yaml");

#[tokio::test(flavor = "multi_thread")]
async fn quickstart_converges_and_then_there_is_nothing_to_do() {
    let mut bed = Bed::new(QUICKSTART);
    let report = bed.converge().await;
    eprintln!("{:#?}", report.summary);

    bed.restart();
    let marks: Vec<usize> = bed.clusters().iter().map(|cluster| bed.mark(cluster)).collect();
    let begun = std::time::Instant::now();
    let prepared = bed.plan().await;
    eprintln!("plan took {:?}", begun.elapsed());
    assert_eq!(steps(&prepared), [""; 0]);

    bed.converge().await;
    for (cluster, mark) in bed.clusters().iter().zip(marks) {
        let mut writes = bed.writes(cluster, mark);
        writes.retain(|verb, _| !verb.ends_with(" leases"));
        assert!(writes.is_empty(), "{cluster}: {writes:?}");
    }

    let destroyed = bed.destroy().await;
    assert!(destroyed.is_complete(), "{destroyed:#?}");
}
