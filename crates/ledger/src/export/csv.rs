use super::movement::{Direction, Status, decimal, movements};
use super::{Document, Names};

impl Document {
    /// One line for each transfer (RFC 4180, UTF-8): what a spreadsheet opens.
    ///
    /// A text that a spreadsheet would take for a formula gets an apostrophe before it.
    #[must_use]
    pub fn to_csv(&self, names: &Names) -> String {
        let mut out = String::from("entry,time,direction,peer,name,amount,unit,memo,status,transfer\r\n");
        for movement in movements(self) {
            let direction = match movement.direction {
                Direction::Sent => "sent",
                Direction::Received => "received",
            };
            let status = match movement.status {
                Status::Pending => "pending",
                Status::Accepted => "accepted",
                Status::Refused => "refused",
            };
            let unit = movement.money.unit();
            let fields = [
                movement.entry.to_string(),
                movement.at.to_string(),
                direction.into(),
                movement.peer.to_string(),
                text(names.get(movement.peer).map_or("", String::as_str)),
                decimal(movement.money.minor().into(), unit.decimals()),
                unit.to_string(),
                text(movement.memo),
                status.into(),
                movement.id.to_string(),
            ];
            out.push_str(&fields.join(","));
            out.push_str("\r\n");
        }
        out
    }
}

/// Quotes a text that somebody else may have written.
fn text(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}
