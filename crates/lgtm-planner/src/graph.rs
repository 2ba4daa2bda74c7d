//! The graph's own questions: an order that respects every edge, a cycle, the longest path.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
};

use petgraph::{
    algo::toposort,
    graph::{DiGraph, NodeIndex},
};

/// Orders nodes so that each comes after all that it needs; ties are broken by the nodes' own order,
/// so equal inputs give equal outputs. Needs that are not among the nodes are taken as met.
///
/// The error is one cycle, in order.
pub fn order<'a, N, Needs>(nodes: impl IntoIterator<Item = (&'a N, Needs)>) -> Result<Vec<N>, Vec<N>>
where
    N: Clone + Ord + 'a,
    Needs: IntoIterator<Item = &'a N>,
{
    let mut nodes: Vec<(&N, Needs)> = nodes.into_iter().collect();
    nodes.sort_by_key(|(node, _)| *node);
    let sorted: Vec<&N> = nodes.iter().map(|(node, _)| *node).collect();
    let places = places(nodes)?;
    Ok(places.into_iter().filter_map(|place| sorted.get(place).map(|node| (*node).clone())).collect())
}

/// The same order for nodes that are sorted already, as places among them.
pub(crate) fn places<'a, N, Needs>(
    nodes: impl IntoIterator<Item = (&'a N, Needs)>,
) -> Result<Vec<usize>, Vec<N>>
where
    N: Clone + Ord + 'a,
    Needs: IntoIterator<Item = &'a N>,
{
    let (nodes, needs): (Vec<&N>, Vec<Needs>) = nodes.into_iter().unzip();
    let mut missing = vec![0_usize; nodes.len()];
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for ((node, missing), needs) in missing.iter_mut().enumerate().zip(needs) {
        for need in needs.into_iter().filter_map(|need| nodes.binary_search(&need).ok()) {
            *missing += 1;
            if let Some(dependents) = dependents.get_mut(need) {
                dependents.push(node);
            }
        }
    }
    let free = missing.iter().enumerate().filter(|(_, missing)| **missing == 0);
    let mut ready: BinaryHeap<Reverse<usize>> = free.map(|(node, _)| Reverse(node)).collect();
    let mut ordered = Vec::with_capacity(nodes.len());
    while let Some(Reverse(next)) = ready.pop() {
        ordered.push(next);
        for dependent in dependents.get(next).into_iter().flatten() {
            if let Some(missing) = missing.get_mut(*dependent) {
                *missing -= 1;
                if *missing == 0 {
                    ready.push(Reverse(*dependent));
                }
            }
        }
    }
    if ordered.len() == nodes.len() {
        return Ok(ordered);
    }
    let cycle = cycle(&dependents);
    Err(cycle.into_iter().filter_map(|node| nodes.get(node).map(|node| (*node).clone())).collect())
}

/// One cycle of a graph that is known to have one.
fn cycle(dependents: &[Vec<usize>]) -> Vec<usize> {
    let mut graph = DiGraph::<(), ()>::new();
    let indices: Vec<NodeIndex> = dependents.iter().map(|_| graph.add_node(())).collect();
    for (from, dependents) in indices.iter().zip(dependents) {
        for to in dependents.iter().filter_map(|to| indices.get(*to)) {
            graph.add_edge(*from, *to, ());
        }
    }
    let Err(found) = toposort(&graph, None) else { return Vec::new() };
    // Walk along the edges, always inside what cannot be ordered, until a node comes again.
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
    path.into_iter().map(NodeIndex::index).collect()
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
