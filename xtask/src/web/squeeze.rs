//! Compression at build time, as hard as it goes, so that a server need not.

use std::io::Write as _;

/// Whether a file of this name gets smaller: pictures are compressed already.
pub(crate) fn worth_it(name: &str) -> bool {
    !name.ends_with(".png")
}

pub(crate) fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Quality 11 takes seconds for the module; 5 is for those who wait.
pub(crate) fn brotli(bytes: &[u8], quick: bool) -> std::io::Result<Vec<u8>> {
    let quality = if quick { 5 } else { 11 };
    let parameters =
        brotli::enc::BrotliEncoderParams { quality, lgwin: 22, size_hint: bytes.len(), ..Default::default() };
    let mut out = Vec::new();
    brotli::BrotliCompress(&mut &*bytes, &mut out, &parameters)?;
    Ok(out)
}
