use super::MAX_FINDINGS;
use crate::Finding;

/// Findings, bounded: a file in which every entry was changed must not fill the memory.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) named: Vec<Finding>,
    pub(super) more: u64,
}

impl Findings {
    pub(super) fn push(&mut self, finding: Finding) {
        if self.named.len() < MAX_FINDINGS {
            self.named.push(finding);
        } else {
            self.more += 1;
        }
    }
}

impl Extend<Finding> for Findings {
    fn extend<T: IntoIterator<Item = Finding>>(&mut self, findings: T) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }
}
