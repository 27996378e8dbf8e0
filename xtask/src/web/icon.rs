//! The icon as PNG, drawn from the same circles as `icon.svg`: two rings that hold each other, one for each of the two
//! who trade.

use std::io::Write as _;

/// Samples along each side of a pixel.
const SAMPLES: u32 = 4;
const GREEN: [u8; 3] = [0x0b, 0x6b, 0x4d];
const WHITE: [u8; 3] = [0xff, 0xff, 0xff];
const MINT: [u8; 3] = [0x7b, 0xe0, 0xb8];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Rounded by us.
    Rounded,
    /// Rounded by the phone.
    Square,
    /// Cut by the phone to any shape: the rings stay within the middle (W3C manifest: a circle of 80%).
    Maskable,
}

/// The icon with this many pixels on each side.
pub(crate) fn png(size: u32, shape: Shape) -> std::io::Result<Vec<u8>> {
    let mut rows = Vec::with_capacity((size * (size * 4 + 1)) as usize);
    for y in 0..size {
        rows.push(0); // no filter
        for x in 0..size {
            rows.extend(pixel(x, y, size, shape));
        }
    }
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    zlib.write_all(&rows)?;
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = [size.to_be_bytes(), size.to_be_bytes()].concat();
    header.extend([8, 6, 0, 0, 0]); // 8 bits, RGBA, no interlace
    chunk(&mut png, *b"IHDR", &header);
    chunk(&mut png, *b"IDAT", &zlib.finish()?);
    chunk(&mut png, *b"IEND", &[]);
    Ok(png)
}

fn chunk(png: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    png.extend(u32::try_from(data.len()).expect("an icon is small").to_be_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&kind);
    crc.update(data);
    png.extend(kind);
    png.extend(data);
    png.extend(crc.sum().to_be_bytes());
}

/// The mean of the samples of a pixel, as RGBA.
fn pixel(x: u32, y: u32, size: u32, shape: Shape) -> [u8; 4] {
    let (mut sum, mut hit) = ([0_u32; 3], 0_u32);
    for sample in 0..SAMPLES * SAMPLES {
        let place = |whole: u32, part: u32| {
            (f64::from(whole) + (f64::from(part) + 0.5) / f64::from(SAMPLES)) / f64::from(size) * 100.0
        };
        if let Some(color) = color(place(x, sample % SAMPLES), place(y, sample / SAMPLES), shape) {
            hit += 1;
            for (sum, part) in sum.iter_mut().zip(color) {
                *sum += u32::from(part);
            }
        }
    }
    let mean = |sum: u32| u8::try_from(sum.checked_div(hit).unwrap_or(0)).expect("a mean of bytes");
    let alpha = u8::try_from(hit * 255 / (SAMPLES * SAMPLES)).expect("at most 255");
    [mean(sum[0]), mean(sum[1]), mean(sum[2]), alpha]
}

/// The colour at a point of the square of 100 by 100; `None` outside of the icon.
fn color(x: f64, y: f64, shape: Shape) -> Option<[u8; 3]> {
    if shape == Shape::Rounded {
        let radius = 23.0;
        let inset = |at: f64| (at - at.clamp(radius, 100.0 - radius)).abs();
        if inset(x).hypot(inset(y)) > radius {
            return None;
        }
    }
    let scale = if shape == Shape::Maskable { 0.85 } else { 1.0 };
    let (x, y) = (50.0 + (x - 50.0) / scale, 50.0 + (y - 50.0) / scale);
    let off = |center: f64| ((x - center).hypot(y - 50.0) - 20.0).abs();
    let (left, right) = (off(38.5), off(61.5));
    let (ink, gap) = (4.25, 7.0);
    // Where they cross below, the left ring is over the right one; above, it is under it.
    let over = y > 50.0 && x > 36.0 && left < gap;
    Some(match (over, left < ink, right < ink) {
        (true, true, _) => WHITE,
        (true, false, _) => GREEN,
        (false, _, true) => MINT,
        (false, true, false) if right >= gap => WHITE,
        _ => GREEN,
    })
}
