//! What must hold for any bytes: the bodies of fuzz targets. They panic where it does not.

mod book;
mod compact;
mod filters;
mod network;
mod presync;
mod wire;

pub use book::address_book;
pub use compact::compact_block;
pub use filters::block_filters;
#[cfg(test)]
pub(crate) use network::TYPES;
pub use network::network;
pub use presync::headers_presync;
pub use wire::wire;

use crate::Time;

/// The time at which everything begins.
const NOW: Time = Time::from_secs(1_700_000_000);

/// Takes apart what the fuzzer has made; at the end everything is zero.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn u8(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    fn u16(&mut self) -> u16 {
        u16::from(self.u8()) | u16::from(self.u8()) << 8
    }

    fn u32(&mut self) -> u32 {
        u32::from(self.u16()) | u32::from(self.u16()) << 16
    }

    /// So many bytes, or what is left.
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        head
    }

    /// Bytes with their length in front (two bytes); the last may be fewer than they say.
    fn part(&mut self) -> &'a [u8] {
        let count = self.u16();
        self.take(count.into())
    }
}
