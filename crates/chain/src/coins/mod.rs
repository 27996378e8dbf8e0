//! Coins: outputs that can be spent.

mod cache;
mod compress;
mod varint;

use bitcoin::{BlockHash, OutPoint, Script, TxOut};

use crate::store::StoreError;

pub(crate) use cache::Layered;
pub use cache::{CoinChange, CoinsCache};
pub(crate) use compress::{compressed_len, read_output, write_output};
pub(crate) use varint::{read_varint, varint_len, write_varint};

/// Longest script that can be spent.
const MAX_SCRIPT_SIZE: usize = 10_000;
const OP_RETURN: u8 = 0x6a;

/// An output that can be spent, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coin {
    /// Value and script.
    pub output: TxOut,
    /// Height of the block that made it.
    pub height: u32,
    /// Whether a coinbase made it.
    pub coinbase: bool,
}

impl Coin {
    /// Appends Core's compressed form: height and coinbase flag, value, script.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_varint(out, self.code());
        write_output(out, &self.output);
    }

    /// Reads [`Coin::encode`].
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the bytes are not one whole coin.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, StoreError> {
        let corrupt = || StoreError::corrupt("coin", "not a compressed coin");
        let code = read_varint(&mut bytes).ok_or_else(corrupt)?;
        let output = read_output(&mut bytes).ok_or_else(corrupt)?;
        if !bytes.is_empty() {
            return Err(corrupt());
        }
        Self::from_code(code, output).ok_or_else(corrupt)
    }

    /// Height and coinbase flag in one number.
    pub(crate) fn code(&self) -> u64 {
        u64::from(self.height) << 1 | u64::from(self.coinbase)
    }

    pub(crate) fn from_code(code: u64, output: TxOut) -> Option<Self> {
        Some(Self { output, height: u32::try_from(code >> 1).ok()?, coinbase: code & 1 == 1 })
    }
}

/// Whether no input can ever spend this script, so that no coin is kept for it.
pub fn is_unspendable(script: &Script) -> bool {
    script.len() > MAX_SCRIPT_SIZE || script.as_bytes().first() == Some(&OP_RETURN)
}

/// The coins as of some block.
pub trait CoinsView {
    /// The coin of this output, while it is unspent.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    fn coin(&self, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError>;

    /// The block as of which these coins are unspent; none before the genesis block.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    fn best_block(&self) -> Result<Option<BlockHash>, StoreError>;
}

impl<V: CoinsView + ?Sized> CoinsView for &V {
    fn coin(&self, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError> {
        (**self).coin(outpoint)
    }

    fn best_block(&self) -> Result<Option<BlockHash>, StoreError> {
        (**self).best_block()
    }
}
