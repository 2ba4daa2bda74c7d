//! The graph's own questions: an order that respects every edge, a cycle, the longest path.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::{algo::toposort, graph::DiGraph};

/// Orders nodes so that each comes after all that it needs; ties are broken by the nodes' own order,
/// so equal inputs give equal outputs. Needs outside the map are taken as met.
///
/// The error is one cycle, in order.
pub fn order<N: Clone + Ord>(needs: &BTreeMap<N, BTreeSet<N>>) -> Result<Vec<N>, Vec<N>> {
    let mut missing: BTreeMap<&N, usize> = BTreeMap::new();
    let mut dependents: BTreeMap<&N, Vec<&N>> = BTreeMap::new();
    for (node, before) in needs {
        let inside = before.iter().filter(|need| needs.contains_key(*need));
        missing.insert(node, inside.clone().count());
        for need in inside {
            dependents.entry(need).or_default().push(node);
        }
    }
    let mut ready: BTreeSet<&N> =
        missing.iter().filter(|(_, missing)| **missing == 0).map(|(node, _)| *node).collect();
    let mut ordered = Vec::with_capacity(needs.len());
    while let Some(node) = ready.pop_first() {
        ordered.push(node.clone());
        for dependent in dependents.get(node).into_iter().flatten() {
            if let Some(missing) = missing.get_mut(*dependent) {
                *missing -= 1;
                if *missing == 0 {
                    ready.insert(dependent);
                }
            }
        }
    }
    if ordered.len() == needs.len() { Ok(ordered) } else { Err(cycle(needs)) }
}

/// One cycle of a graph that is known to have one.
fn cycle<N: Clone + Ord>(needs: &BTreeMap<N, BTreeSet<N>>) -> Vec<N> {
    let mut graph = DiGraph::<&N, ()>::new();
    let indices: BTreeMap<&N, _> = needs.keys().map(|node| (node, graph.add_node(node))).collect();
    for (node, before) in needs {
        for need in before {
            if let (Some(from), Some(to)) = (indices.get(need), indices.get(node)) {
                graph.add_edge(*from, *to, ());
            }
        }
    }
    let Err(found) = toposort(&graph, None) else { return Vec::new() };
    // Walk against the edges, always inside what cannot be ordered, until a node comes again.
    let components = petgraph::algo::tarjan_scc(&graph);
    let Some(component) = components.iter().find(|component| component.contains(&found.node_id())) else {
        return Vec::new();
    };
    let mut path = vec![found.node_id()];
    while let Some(next) =
        path.last().and_then(|last| graph.neighbors(*last).find(|next| component.contains(next)))
    {
        if let Some(start) = path.iter().position(|seen| *seen == next) {
            path.drain(..start);
            break;
        }
        path.push(next);
    }
    path.into_iter().filter_map(|index| graph.node_weight(index).map(|node| (*node).clone())).collect()
}

/// For each node the length of the longest way from its start to the end of everything that needs
/// it, its own weight included; the scheduler starts the longest first.
///
/// `ordered` is what [`order`] gave for `needs`.
pub fn tails<N: Clone + Ord>(
    ordered: &[N],
    needs: &BTreeMap<N, BTreeSet<N>>,
    weight: impl Fn(&N) -> u64,
) -> BTreeMap<N, u64> {
    let mut tails: BTreeMap<N, u64> = BTreeMap::new();
    let mut behind: BTreeMap<&N, u64> = BTreeMap::new();
    for node in ordered.iter().rev() {
        let tail = behind.get(node).copied().unwrap_or(0) + weight(node);
        for need in needs.get(node).into_iter().flatten() {
            let longest = behind.entry(need).or_default();
            *longest = (*longest).max(tail);
        }
        tails.insert(node.clone(), tail);
    }
    tails
}

/// The longest path and its length.
pub fn longest_path<N: Clone + Ord>(
    ordered: &[N],
    needs: &BTreeMap<N, BTreeSet<N>>,
    weight: impl Fn(&N) -> u64,
) -> (Vec<N>, u64) {
    let mut best: BTreeMap<&N, (u64, Option<&N>)> = BTreeMap::new();
    for node in ordered {
        let before = needs
            .get(node)
            .into_iter()
            .flatten()
            .filter_map(|need| best.get(need).map(|(length, _)| (*length, need)))
            .max();
        let length = before.map_or(0, |(length, _)| length) + weight(node);
        best.insert(node, (length, before.map(|(_, need)| need)));
    }
    let Some((mut node, length)) =
        best.iter().map(|(node, (length, _))| (*node, *length)).max_by_key(|(_, l)| *l)
    else {
        return (Vec::new(), 0);
    };
    let mut path = vec![node.clone()];
    while let Some((_, Some(before))) = best.get(node) {
        node = before;
        path.push(node.clone());
    }
    path.reverse();
    (path, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&'static str, &[&'static str])]) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
        edges.iter().map(|(node, needs)| (*node, needs.iter().copied().collect())).collect()
    }

    #[test]
    fn order_respects_needs_and_is_stable() {
        let needs = graph(&[("a", &["d"]), ("b", &[]), ("c", &["a", "elsewhere"]), ("d", &[])]);
        assert_eq!(order(&needs), Ok(vec!["b", "d", "a", "c"]));
    }

    #[test]
    fn a_cycle_is_named_without_what_hangs_on_it() {
        let needs = graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("z", &["a"])]);
        let mut found = order(&needs).unwrap_err();
        found.sort_unstable();
        assert_eq!(found, ["a", "b", "c"]);
    }

    #[test]
    fn the_longest_path_and_the_tails() {
        let needs = graph(&[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"])]);
        let ordered = order(&needs).unwrap();
        let weight = |node: &&str| if *node == "c" { 5 } else { 1 };
        assert_eq!(longest_path(&ordered, &needs, weight), (vec!["a", "c", "d"], 7));
        let tails = tails(&ordered, &needs, weight);
        assert_eq!(tails, BTreeMap::from([("a", 7), ("b", 2), ("c", 6), ("d", 1)]));
    }
}
