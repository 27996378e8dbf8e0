//! The Merkle tree over the chunks: RFC 9162 §2.1 (Certificate Transparency), SHA-256.

use crate::bitmap::Bitmap;
use crate::layout::{CHUNK, Content, ContentId, MAX_CHUNKS, MAX_SIZE, SizeError};
use pumasi_crypto::hash::{Digest, sha256};

/// Hashes of the longest proof.
pub const MAX_PATH: usize = MAX_CHUNKS.ilog2() as usize;

/// The hash of a chunk: leaves begin with another byte than nodes, so that neither can be taken for the other.
#[must_use]
pub fn leaf(chunk: &[u8]) -> Digest {
    sha256(&[&[0], chunk])
}

fn node(left: &Digest, right: &Digest) -> Digest {
    sha256(&[&[1], &left.0, &right.0])
}

/// The proof does not lead to the address. Whoever sent it lies, or its disk does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("chunk {0}: does not belong to this content")]
pub struct NotProven(pub u32);

/// A chunk whose proof led to the address. Only [`Content::prove`] and [`Content::is`] make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proven {
    index: u32,
    leaf: Digest,
}

impl Proven {
    /// Which chunk.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Its hash.
    #[must_use]
    pub fn leaf(&self) -> Digest {
        self.leaf
    }
}

impl Content {
    /// Checks a chunk by itself: its length, and that its hash and the proof give the address.
    ///
    /// # Errors
    /// [`NotProven`].
    pub fn prove(&self, index: u32, path: &[Digest], chunk: &[u8]) -> Result<Proven, NotProven> {
        let count = self.chunks();
        if index >= count || chunk.len() != self.chunk_len(index) {
            return Err(NotProven(index));
        }
        let leaf = leaf(chunk);
        let mut siblings = path.iter();
        let (mut hash, mut at, mut width) = (leaf, index, count);
        while width > 1 {
            // The last of an odd row goes up as it is.
            if at % 2 == 1 {
                hash = node(siblings.next().ok_or(NotProven(index))?, &hash);
            } else if at + 1 < width {
                hash = node(&hash, siblings.next().ok_or(NotProven(index))?);
            }
            (at, width) = (at / 2, width.div_ceil(2));
        }
        let fits = siblings.next().is_none() && ContentId::new(self.size(), &hash) == self.id();
        if fits { Ok(Proven { index, leaf }) } else { Err(NotProven(index)) }
    }

    /// Whether the whole is this content: the last check, when every chunk is there.
    #[must_use]
    pub fn is(&self, tree: &Tree) -> bool {
        tree.content() == *self
    }
}

/// Takes the chunks of a file, in order, and gives its tree.
#[derive(Debug, Default)]
pub struct TreeBuilder {
    leaves: Vec<Digest>,
    size: u64,
}

impl TreeBuilder {
    /// The next chunk. Each but the last has [`CHUNK`] bytes.
    ///
    /// # Errors
    /// [`SizeError`] when it is one too many.
    ///
    /// # Panics
    /// When a chunk follows a shorter one, or is empty or too long: a bug of the caller.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), SizeError> {
        assert!(!chunk.is_empty() && chunk.len() <= CHUNK as usize, "a chunk has 1 to {CHUNK} bytes");
        self.push_leaf(leaf(chunk), chunk.len())
    }

    /// The next chunk, by its hash and its length.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    ///
    /// # Panics
    /// As [`push`](Self::push).
    pub fn push_leaf(&mut self, leaf: Digest, len: usize) -> Result<(), SizeError> {
        assert!(self.size.is_multiple_of(u64::from(CHUNK)), "only the last chunk is shorter");
        let size = self.size + len as u64;
        if size > MAX_SIZE {
            return Err(SizeError(size));
        }
        self.leaves.push(leaf);
        self.size = size;
        Ok(())
    }

    /// The tree.
    #[must_use]
    pub fn finish(self) -> Tree {
        let mut rows = vec![self.leaves];
        while let Some(row) = rows.last()
            && row.len() > 1
        {
            let above = row.chunks(2).map(|pair| match pair {
                [left, right] => node(left, right),
                [odd] => *odd,
                _ => unreachable!("chunks of two"),
            });
            let above = above.collect();
            rows.push(above);
        }
        let root = rows.last().and_then(|row| row.first()).copied().unwrap_or_else(|| sha256(&[]));
        let content = Content::new(ContentId::new(self.size, &root), self.size).expect("checked while it was pushed");
        Tree { content, root, rows }
    }
}

/// Every hash of a file: 64 bytes for each chunk, so 256 KiB for 1 GiB.
#[derive(Debug, Clone)]
pub struct Tree {
    content: Content,
    root: Digest,
    rows: Vec<Vec<Digest>>,
}

impl Tree {
    /// The file's address and size.
    #[must_use]
    pub fn content(&self) -> Content {
        self.content
    }

    /// The root: the Merkle tree hash of RFC 9162 §2.1.1.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.root
    }

    /// The hash of a chunk; `None` when there is no such chunk.
    #[must_use]
    pub fn leaf(&self, index: u32) -> Option<Digest> {
        self.rows[0].get(index as usize).copied()
    }

    /// The proof of a chunk (RFC 9162 §2.1.3.1), the lowest hash first.
    #[must_use]
    pub fn path(&self, index: u32) -> Vec<Digest> {
        siblings(&self.rows, index)
    }
}

/// The proofs that came with chunks, so that they can be given on before the whole is there: 64 bytes for each chunk.
#[derive(Debug, Clone)]
pub struct Proofs {
    known: Bitmap,
    rows: Vec<Vec<Digest>>,
}

impl Proofs {
    /// None yet.
    #[must_use]
    pub fn new(content: &Content) -> Self {
        let mut widths = vec![content.chunks() as usize];
        while let Some(width) = widths.last()
            && *width > 1
        {
            widths.push(width.div_ceil(2));
        }
        let rows = widths.into_iter().map(|width| vec![Digest::default(); width]).collect();
        Self { known: Bitmap::none(content.chunks()), rows }
    }

    /// Keeps the proof of a chunk: the path that it was proven with.
    pub fn learn(&mut self, proven: &Proven, path: &[Digest]) {
        let mut at = proven.index as usize;
        let mut path = path.iter();
        for row in &mut self.rows {
            if row.len() > 1
                && let Some(sibling) = row.get_mut(at ^ 1)
                && let Some(hash) = path.next()
            {
                *sibling = *hash;
            }
            at /= 2;
        }
        self.known.put(proven.index, true);
    }

    /// The chunks whose proofs are known.
    #[must_use]
    pub fn known(&self) -> &Bitmap {
        &self.known
    }

    /// The proof of a chunk, if it is known.
    #[must_use]
    pub fn path(&self, index: u32) -> Option<Vec<Digest>> {
        self.known.has(index).then(|| siblings(&self.rows, index))
    }
}

/// What stands beside the way from a leaf to the root.
fn siblings(rows: &[Vec<Digest>], index: u32) -> Vec<Digest> {
    let ways = rows.iter().filter(|row| row.len() > 1).enumerate();
    ways.filter_map(|(level, row)| row.get((index as usize >> level) ^ 1).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The test vectors of Certificate Transparency (RFC 6962 and 9162 share the tree): leaf data and root of each prefix.
    #[test]
    fn the_tree_is_that_of_certificate_transparency() {
        let leaves =
            ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        for (count, expected) in roots.iter().enumerate() {
            let mut builder = TreeBuilder::default();
            for data in &leaves[..count] {
                builder.push_leaf(leaf(&hex::decode(data).unwrap()), CHUNK as usize).unwrap();
            }
            assert_eq!(builder.finish().root().to_string(), *expected, "{count} leaves");
        }
    }

    fn tree(bytes: &[u8]) -> Tree {
        let mut builder = TreeBuilder::default();
        bytes.chunks(CHUNK as usize).for_each(|chunk| builder.push(chunk).unwrap());
        builder.finish()
    }

    /// A tree whose leaves are small, so that many can be tried.
    fn short(count: u32) -> Tree {
        let mut builder = TreeBuilder::default();
        (0..count).for_each(|n| builder.push_leaf(leaf(&n.to_be_bytes()), CHUNK as usize).unwrap());
        builder.finish()
    }

    #[test]
    fn each_chunk_proves_itself_and_nothing_else_does() {
        let bytes: Vec<u8> = (0..CHUNK * 4 + 5).map(|n| (n % 251) as u8).collect();
        let tree = tree(&bytes);
        let content = tree.content();
        assert_eq!((content.chunks(), content.chunk_len(4), content.chunk_len(5)), (5, 5, 0));
        let chunks: Vec<&[u8]> = bytes.chunks(CHUNK as usize).collect();
        for (index, chunk) in (0..).zip(&chunks) {
            let path = tree.path(index);
            let proven = content.prove(index, &path, chunk).unwrap();
            assert_eq!((proven.index(), Some(proven.leaf())), (index, tree.leaf(index)));
            // Another place, a changed byte, a missing or an additional hash, another size.
            assert_eq!(content.prove((index + 1) % 5, &path, chunk), Err(NotProven((index + 1) % 5)));
            let mut changed = chunk.to_vec();
            changed[0] ^= 1;
            assert!(content.prove(index, &path, &changed).is_err());
            assert!(content.prove(index, &path[1..], chunk).is_err());
            assert!(content.prove(index, &[path.as_slice(), &[tree.root()]].concat(), chunk).is_err());
            let other = Content::new(content.id(), content.size() + 1).unwrap();
            assert!(other.prove(index, &path, chunk).is_err());
        }
        assert!(content.prove(5, &[], &[]).is_err());
    }

    #[test]
    fn an_empty_file_has_an_address_and_no_chunk() {
        let tree = TreeBuilder::default().finish();
        assert_eq!((tree.content().chunks(), tree.content().size()), (0, 0));
        assert_eq!(tree.root(), sha256(&[]));
        assert!(tree.content().prove(0, &[], &[]).is_err());
    }

    #[test]
    fn the_longest_proof_is_as_long_as_the_limit_says() {
        assert_eq!(MAX_PATH, 20);
        assert!((1..=300).all(|count| short(count).path(0).len() == count.next_power_of_two().ilog2() as usize));
    }

    #[test]
    fn a_proof_that_came_can_be_given_on() {
        for size in [1, CHUNK, CHUNK + 1, CHUNK * 6 + 3] {
            let bytes: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
            let tree = tree(&bytes);
            let content = tree.content();
            let mut proofs = Proofs::new(&content);
            for (index, chunk) in (0..).zip(bytes.chunks(CHUNK as usize)).filter(|(index, _)| index % 3 != 1) {
                assert_eq!(proofs.path(index), None);
                let proven = content.prove(index, &tree.path(index), chunk).unwrap();
                proofs.learn(&proven, &tree.path(index));
            }
            for index in 0..content.chunks() {
                assert_eq!(proofs.path(index), (index % 3 != 1).then(|| tree.path(index)));
            }
        }
    }

    proptest! {
        /// By an independent definition, the recursive one of the RFC.
        #[test]
        fn root_and_proofs_are_those_of_the_recursive_definition(count in 1_u32..200, pick in any::<prop::sample::Index>()) {
            fn root(leaves: &[Digest]) -> Digest {
                match leaves {
                    [one] => *one,
                    _ => {
                        let k = leaves.len().next_power_of_two() / 2;
                        node(&root(&leaves[..k]), &root(&leaves[k..]))
                    }
                }
            }
            fn path(at: usize, leaves: &[Digest]) -> Vec<Digest> {
                if leaves.len() == 1 {
                    return vec![];
                }
                let k = leaves.len().next_power_of_two() / 2;
                let (mut inner, last) = if at < k {
                    (path(at, &leaves[..k]), root(&leaves[k..]))
                } else {
                    (path(at - k, &leaves[k..]), root(&leaves[..k]))
                };
                inner.push(last);
                inner
            }
            let tree = short(count);
            let leaves: Vec<Digest> = (0..count).map(|n| tree.leaf(n).unwrap()).collect();
            let at = pick.index(count as usize);
            prop_assert_eq!(tree.root(), root(&leaves));
            prop_assert_eq!(tree.path(at as u32), path(at, &leaves));
        }
    }
}
