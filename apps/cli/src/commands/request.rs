//! `request`: a link and a QR code that whoever pays can check.

use super::content::attach;
use super::ledger::did_of;
use crate::args::Request;
use crate::context::Context;
use crate::failure;
use pumasi_transfer::RequestOrder;
use pumasi_words::{Exit, Standing, Told};
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use serde_json::json;
use std::io::IsTerminal as _;

pub(crate) async fn request(context: &mut Context, args: Request) -> anyhow::Result<Exit> {
    if args.amount.unit().is_bitcoin() {
        return Ok(failure::no_bitcoin(context));
    }
    let wallet = context.open("request").await?;
    let to = match &args.from {
        Some(who) => Some(did_of(&wallet, who).await?),
        None => None,
    };
    let lifetime = u64::try_from(args.expires.as_millis()).unwrap_or(u64::MAX);
    let mut memo = args.memo;
    let Some(attached) = attach::prepare(context, &mut memo, args.attach).await? else { return Ok(Exit::Usage) };
    let order = RequestOrder { to, money: args.amount.clone(), memo, lifetime };
    let request = wallet.request(order).await?;
    wallet.write_marker().await?;
    attached.into_iter().try_for_each(|prepared| prepared.keep(context))?;
    let link = request.to_link();
    let mut text = context.say(&Told::Requested { money: &args.amount, link: &link });
    if !args.no_qr {
        text = format!("{text}\n\n{}", qr(context, &link));
    }
    let expires = request.payload().expires;
    context.ui.print(&json!({ "event": "requested", "id": request.id(), "link": link, "expires": expires }), text);
    Ok(Exit::Done)
}

/// The QR code, or why there is none.
pub(super) fn qr(context: &Context, link: &str) -> String {
    let terminal = std::io::stdout().is_terminal();
    let Some(picture) = picture(link) else { return context.say(&Standing::NoQrTooLong) };
    let needed = picture.lines().next().map_or(0, |line| line.chars().count());
    let columns = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    match columns {
        Some(columns) if terminal && columns < needed => context.say(&Standing::NoQrTooNarrow { needed }),
        // White on black in so many words, because cameras want the light modules lighter whatever the theme.
        _ if terminal => {
            picture.lines().map(|line| format!("\x1b[38;5;231;48;5;16m{line}\x1b[0m")).collect::<Vec<_>>().join("\n")
        }
        _ => picture,
    }
}

/// A text as half blocks, two modules each, with the quiet zone of four modules; the light modules are the ink. `None`
/// when it is longer than the largest code holds.
fn picture(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let mut renderer = code.render::<Dense1x2>();
    Some(renderer.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).quiet_zone(true).build())
}

#[cfg(test)]
mod tests {
    use super::*;
    use qrcode::Color;

    #[test]
    fn the_picture_shows_every_module_and_a_quiet_zone() {
        let link = "pumasi:request:ZXlKaGJHY2lPaUpGWkVSVFFTSXNJbXRwWkNJNkltUnBaRHByWlhr";
        let code = QrCode::with_error_correction_level(link, EcLevel::L).unwrap();
        let picture = picture(link).unwrap();
        let lines: Vec<Vec<char>> = picture.lines().map(|line| line.chars().collect()).collect();
        let light = |x: usize, y: usize| match lines[y / 2][x] {
            '\u{2588}' => true,
            '\u{2580}' => y.is_multiple_of(2),
            '\u{2584}' => !y.is_multiple_of(2),
            _ => false,
        };
        let width = code.width();
        assert_eq!(lines[0].len(), width + 8, "four modules on each side");
        for y in 0..width + 8 {
            for x in 0..width + 8 {
                let inside = (4..width + 4).contains(&x) && (4..width + 4).contains(&y);
                let dark = inside && code[(x - 4, y - 4)] == Color::Dark;
                assert_eq!(light(x, y), !dark, "module {x}, {y}");
            }
        }
    }

    #[test]
    fn what_no_code_can_hold_has_no_picture() {
        assert!(picture(&"x".repeat(2_953)).is_some());
        assert!(picture(&"x".repeat(2_954)).is_none());
    }
}
