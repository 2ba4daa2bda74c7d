//! A rehearsal of a topology whose clusters are somewhere else: the same apply, on simulated nodes, without
//! a look at the real clusters and without a trace afterwards.

use crate::program::Program;

const TOPOLOGY: &str = "
apiVersion: lgtmctl.dev/v1alpha1
kind: Topology
metadata: {name: far-away}
spec:
  provider: {existing: {kubeconfig: nowhere.kubeconfig}}
  hub: {name: hub, provider: {existing: {context: hub}}}
  spokes:
    - {name: edge, tenant: remote01, scenario: alloy, demo: tns, provider: {existing: {context: edge}}}
";

#[test]
fn what_is_elsewhere_is_rehearsed_here_and_leaves_nothing() {
    let program = Program::new(TOPOLOGY, &[]);
    // For real it cannot even begin: the kubeconfig is not there.
    let refused = program.run(&["plan"]);
    assert_eq!(refused.status.code(), Some(5), "{}", String::from_utf8_lossy(&refused.stderr));

    let said = program.succeed(&["apply", "--rehearse"]);
    assert!(said.contains("Topology far-away is applied"), "{said}");
    let left: Vec<_> = std::fs::read_dir(program.folder().join("state/lgtmctl/simulated")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");

    // Kept, its clusters bear names of the rehearsal's own, and can be reached and removed.
    program.succeed(&["apply", "--rehearse", "--keep"]);
    let kubeconfig = program.succeed(&["kubeconfig", "--rehearse", "hub"]);
    assert!(kubeconfig.contains("rehearsal-far-away-hub"), "{kubeconfig}");
    let status = program.succeed(&["status", "--rehearse"]);
    assert!(status.contains("Everything is as the topology says"), "{status}");
    program.succeed(&["destroy", "--rehearse", "--yes"]);
}
