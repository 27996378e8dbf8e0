//! How the bytes of a request or an answer lie in its stream: behind their length.

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use std::io;

/// Bytes that go out together with the length: with it and the name of the protocol they fit into one frame of yamux.
const JOINED: usize = 15 * 1024;

/// Bytes behind their length, an unsigned LEB128 of at most four bytes.
pub(super) async fn read_prefixed<T: AsyncRead + Unpin>(io: &mut T, limit: usize) -> io::Result<Vec<u8>> {
    let invalid = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
    let mut len = 0_usize;
    for shift in [0, 7, 14, 21] {
        let mut byte = [0];
        io.read_exact(&mut byte).await?;
        len |= usize::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            if len > limit {
                return Err(invalid(format!("{len} bytes; the limit is {limit}")));
            }
            let mut bytes = Vec::new();
            // Memory is taken as bytes come, not as they are announced.
            io.take(len as u64).read_to_end(&mut bytes).await?;
            return if bytes.len() == len { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    }
    Err(invalid("a length of more than four bytes".to_owned()))
}

/// What a stream that holds these bytes, and no more, brings: one request or answer. For those who test what strangers may
/// send.
#[doc(hidden)]
#[must_use]
pub fn unprefixed(stream: &[u8], limit: usize) -> Option<Vec<u8>> {
    use futures::FutureExt as _;
    read_prefixed(&mut futures::io::Cursor::new(stream), limit).now_or_never()?.ok()
}

pub(super) async fn write_prefixed<T: AsyncWrite + Unpin>(io: &mut T, bytes: &[u8], limit: usize) -> io::Result<()> {
    if bytes.len() > limit {
        let text = format!("{} bytes; the limit is {limit}", bytes.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    // What is short goes out with its length, in one frame; what is long is not copied whole.
    let (with_length, rest) = bytes.split_at(bytes.len().min(JOINED));
    let mut first = Vec::with_capacity(4 + with_length.len());
    push_length(&mut first, bytes.len());
    first.extend_from_slice(with_length);
    io.write_all(&first).await?;
    io.write_all(rest).await
}

pub(crate) fn push_length(out: &mut Vec<u8>, mut len: usize) {
    loop {
        let low = u8::try_from(len & 0x7f).expect("seven bits");
        len >>= 7;
        if len == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use futures::io::Cursor;

    #[test]
    fn what_is_written_is_read() {
        for len in [0, 1, 127, 128, 16_383, 16_384, 300_000] {
            let bytes = vec![7; len];
            let mut wire = Cursor::new(Vec::new());
            block_on(write_prefixed(&mut wire, &bytes, 300_000)).unwrap();
            wire.set_position(0);
            assert_eq!(block_on(read_prefixed(&mut wire, 300_000)).unwrap(), bytes);
        }
    }

    #[test]
    fn what_is_too_long_or_too_short_is_refused() {
        let read = |wire: &[u8], limit| block_on(read_prefixed(&mut Cursor::new(wire.to_vec()), limit));
        assert!(read(&[5, 1, 2, 3, 4, 5], 5).is_ok());
        assert!(read(&[5, 1, 2, 3, 4, 5], 4).is_err(), "over the limit");
        assert!(read(&[5, 1, 2, 3, 4], 5).is_err(), "cut");
        assert!(read(&[0x80, 0x80, 0x80, 0x80, 1], usize::MAX).is_err(), "a length of five bytes");
        assert!(read(&[], 5).is_err());
        assert!(block_on(write_prefixed(&mut Cursor::new(Vec::new()), &[0; 6], 5)).is_err());
    }
}
