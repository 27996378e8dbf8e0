//! The items that a script works on.

use crate::ScriptError;
use crate::number;

/// One item: bytes of a script or a witness where they are, or a result, which is never longer than a hash.
#[derive(Clone, Copy)]
pub(crate) enum Item<'a> {
    Bytes(&'a [u8]),
    Result { len: u8, bytes: [u8; 32] },
}

impl<'a> Item<'a> {
    pub(crate) fn number(number: i64) -> Self {
        let (encoded, len) = number::encode(number);
        let mut bytes = [0; 32];
        bytes[..9].copy_from_slice(&encoded);
        Self::Result { len: u8::try_from(len).expect("at most nine"), bytes }
    }

    pub(crate) fn bool(value: bool) -> Self {
        Self::Bytes(if value { &[1] } else { &[] })
    }

    /// The result of a hash.
    pub(crate) fn hash<const N: usize>(hash: [u8; N]) -> Self {
        const { assert!(N <= 32, "no hash here is longer") };
        let mut bytes = [0; 32];
        bytes[..N].copy_from_slice(&hash);
        Self::Result { len: N as u8, bytes }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Result { len, bytes } => &bytes[..usize::from(*len)],
        }
    }

    pub(crate) fn is_true(&self) -> bool {
        number::is_true(self.as_bytes())
    }
}

/// The items, the top at the end.
#[derive(Clone, Default)]
pub(crate) struct Stack<'a>(Vec<Item<'a>>);

impl<'a> Stack<'a> {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn push(&mut self, item: Item<'a>) {
        self.0.push(item);
    }

    /// # Errors
    ///
    /// [`ScriptError::InvalidStackOperation`] if there are fewer items.
    pub(crate) fn require(&self, count: usize) -> Result<(), ScriptError> {
        if self.len() < count { Err(ScriptError::InvalidStackOperation) } else { Ok(()) }
    }

    pub(crate) fn pop(&mut self) -> Result<Item<'a>, ScriptError> {
        self.0.pop().ok_or(ScriptError::InvalidStackOperation)
    }

    /// The item so far below the top; zero is the top.
    pub(crate) fn peek(&self, depth: usize) -> Result<&Item<'a>, ScriptError> {
        self.require(depth + 1)?;
        Ok(&self.0[self.len() - 1 - depth])
    }

    pub(crate) fn drop_top(&mut self, count: usize) -> Result<(), ScriptError> {
        self.require(count)?;
        self.0.truncate(self.len() - count);
        Ok(())
    }

    /// Copies `count` items onto the top, of which the highest is `depth` below it.
    pub(crate) fn copy(&mut self, depth: usize, count: usize) -> Result<(), ScriptError> {
        self.require(depth + count)?;
        let end = self.len() - depth;
        self.0.extend_from_within(end - count..end);
        Ok(())
    }

    /// Moves the lowest `count` of the top `depth` items onto the top.
    pub(crate) fn roll(&mut self, depth: usize, count: usize) -> Result<(), ScriptError> {
        self.require(depth)?;
        let begin = self.len() - depth;
        self.0[begin..].rotate_left(count);
        Ok(())
    }

    /// Puts a copy of the top below the second item.
    pub(crate) fn tuck(&mut self) -> Result<(), ScriptError> {
        self.require(2)?;
        let top = self.0[self.len() - 1];
        self.0.insert(self.len() - 2, top);
        Ok(())
    }

    /// Takes out the item below the top.
    pub(crate) fn nip(&mut self) -> Result<(), ScriptError> {
        self.require(2)?;
        self.0.swap_remove(self.len() - 2);
        Ok(())
    }

    /// Whether the top is true; none if there is no item.
    pub(crate) fn top_is_true(&self) -> Option<bool> {
        self.0.last().map(Item::is_true)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Item<'a>> {
        self.0.iter()
    }
}

impl<'a> FromIterator<&'a [u8]> for Stack<'a> {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(items: I) -> Self {
        Self(items.into_iter().map(Item::Bytes).collect())
    }
}

/// The branches that a script is in. Only the outermost that does not run matters, so its depth is kept, not each branch.
#[derive(Default)]
pub(crate) struct Branches {
    depth: u32,
    first_false: Option<u32>,
}

impl Branches {
    pub(crate) fn is_empty(&self) -> bool {
        self.depth == 0
    }

    pub(crate) fn runs(&self) -> bool {
        self.first_false.is_none()
    }

    /// `OP_IF`.
    pub(crate) fn enter(&mut self, runs: bool) {
        if !runs && self.first_false.is_none() {
            self.first_false = Some(self.depth);
        }
        self.depth += 1;
    }

    /// `OP_ELSE`.
    pub(crate) fn toggle(&mut self) -> Result<(), ScriptError> {
        let top = self.depth.checked_sub(1).ok_or(ScriptError::UnbalancedConditional)?;
        match self.first_false {
            None => self.first_false = Some(top),
            Some(first) if first == top => self.first_false = None,
            // Inside of a branch that does not run, nothing does.
            Some(_) => {}
        }
        Ok(())
    }

    /// `OP_ENDIF`.
    pub(crate) fn leave(&mut self) -> Result<(), ScriptError> {
        self.depth = self.depth.checked_sub(1).ok_or(ScriptError::UnbalancedConditional)?;
        if self.first_false == Some(self.depth) {
            self.first_false = None;
        }
        Ok(())
    }
}
