//! A QR code as one path: dark modules on white whatever the theme, since cameras want it so.

use leptos::prelude::*;
use qrcode::{Color, EcLevel, QrCode};

/// Modules of white around the code (ISO/IEC 18004 wants four).
const QUIET: usize = 4;

/// The code, or nothing when the text is longer than the largest code holds.
pub(crate) fn qr(text: &str, label: String) -> Option<AnyView> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let width = code.width();
    let mut path = String::new();
    for y in 0..width {
        let mut x = 0;
        while x < width {
            let start = x;
            while x < width && code[(x, y)] == Color::Dark {
                x += 1;
            }
            if x > start {
                let run = x - start;
                path += &format!("M{} {}h{run}v1h-{run}z", start + QUIET, y + QUIET);
            }
            x += 1;
        }
    }
    let size = width + 2 * QUIET;
    let view = view! {
        <svg class="qr" viewBox=format!("0 0 {size} {size}") role="img" aria-label=label shape-rendering="crispEdges">
            <rect class="qr-light" width=size.to_string() height=size.to_string()></rect>
            <path class="qr-dark" d=path></path>
        </svg>
    };
    Some(view.into_any())
}
