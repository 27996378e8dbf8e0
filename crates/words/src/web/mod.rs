//! What the screens say: in a browser, and in a window.
//!
//! Labels and buttons are one table ([`Text`]), so that they cost the page their letters and little else. Sentences with
//! something in them are values, as everywhere ([`Saying`], [`Trouble`]).

mod demo;
mod saying;
mod served;
mod text;
mod trouble;

pub use demo::WebDemo;
pub use saying::{Saying, read_won};
pub use served::Served;
pub use text::Text;
pub use trouble::Trouble;
