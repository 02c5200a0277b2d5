//! The compiled rules: hosts, and below each a tree of path segments.
//!
//! One lookup in a hash map a level, so the cost of a level does not follow the number of its children. The hash
//! is a fast one without a secret key: its maps are filled from the config alone, requests only look.

use crate::template::Segment;
use crate::{HostPattern, RuleId};
use rustc_hash::FxHashMap;

/// A node of the tree: what has been read of the path leads here.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// Behind one more literal segment.
    pub(crate) literal: FxHashMap<Box<str>, NodeId>,
    /// Behind one more segment, whatever it is.
    pub(crate) param: Option<NodeId>,
    /// Rules whose path ends here, those that go first in front.
    pub(crate) here: Vec<RuleId>,
    /// Rules that end in `/*` here.
    pub(crate) below: Vec<RuleId>,
}

/// A node's place in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(u32);

/// All hosts and all nodes.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    exact: FxHashMap<Box<str>, NodeId>,
    below: FxHashMap<Box<str>, NodeId>,
    /// Labels of the longest suffix in `below`: longer ones need no look.
    most_labels: usize,
    any: Option<NodeId>,
    nodes: Vec<Node>,
}

impl Tree {
    /// The rules that stand at that host and path so far, for adding one.
    pub(crate) fn leaf(&mut self, host: Option<&HostPattern>, path: &[Segment]) -> &mut Vec<RuleId> {
        let mut at = self.root(host);
        for segment in path {
            at = match segment {
                Segment::Static(text) => self.literal(at, text),
                Segment::Param => self.param(at),
                // Nothing follows it in a template.
                Segment::Rest => return &mut self.nodes[at.0 as usize].below,
            };
        }
        &mut self.nodes[at.0 as usize].here
    }

    /// All lists of rules, for putting them in order.
    pub(crate) fn leaves(&mut self) -> impl Iterator<Item = &mut Vec<RuleId>> {
        self.nodes.iter_mut().flat_map(|node| [&mut node.here, &mut node.below])
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// The roots for a request's host, the most specific first: the host itself, its suffixes from the longest,
    /// any.
    pub(crate) fn roots(&self, host: &str) -> impl Iterator<Item = NodeId> {
        let exact = self.exact.get(host);
        let skip = if self.below.is_empty() {
            usize::MAX
        } else {
            // The suffix behind the k-th dot has as many labels as there are dots, less k, plus one.
            host.bytes().filter(|&b| b == b'.').count().saturating_sub(self.most_labels)
        };
        let suffixes = host.match_indices('.').skip(skip).filter_map(move |(dot, _)| {
            // An empty label before the suffix is none.
            if dot == 0 { None } else { self.below.get(&host[dot + 1..]) }
        });
        exact.into_iter().chain(suffixes).chain(&self.any).copied()
    }

    fn root(&mut self, host: Option<&HostPattern>) -> NodeId {
        let Some(pattern) = host else {
            let fresh = self.nodes.len();
            let id = *self.any.get_or_insert(NodeId(fresh as u32));
            return self.made(id);
        };
        let hosts = if pattern.is_below() {
            let labels = pattern.name().split('.').count();
            self.most_labels = self.most_labels.max(labels);
            &mut self.below
        } else {
            &mut self.exact
        };
        let id = *hosts.entry(pattern.name().into()).or_insert(NodeId(self.nodes.len() as u32));
        self.made(id)
    }

    fn literal(&mut self, at: NodeId, text: &str) -> NodeId {
        // Most segments of a large config are there already: a key is made only for those that are not.
        if let Some(&id) = self.nodes[at.0 as usize].literal.get(text) {
            return id;
        }
        let fresh = NodeId(self.nodes.len() as u32);
        self.nodes[at.0 as usize].literal.insert(text.into(), fresh);
        self.made(fresh)
    }

    fn param(&mut self, at: NodeId) -> NodeId {
        let fresh = NodeId(self.nodes.len() as u32);
        let id = *self.nodes[at.0 as usize].param.get_or_insert(fresh);
        self.made(id)
    }

    /// Adds the node where `id` was handed out just now.
    fn made(&mut self, id: NodeId) -> NodeId {
        if id.0 as usize == self.nodes.len() {
            self.nodes.push(Node::default());
        }
        id
    }
}
