use pumasi_units::Millis;

/// How many questions are under way, and how long is waited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// Providers at a time, those that were dropped not counted.
    pub providers: usize,
    /// Questions under way in all; times [`CHUNK`](crate::CHUNK), the memory that a download takes.
    pub in_flight: usize,
    /// Questions to a provider at first.
    pub first_window: usize,
    /// Questions to a provider at most.
    pub most_window: usize,
    /// An answer that takes longer than this makes the window smaller; a faster one makes it larger.
    pub good_answer: Millis,
    /// An answer that takes longer than this is not waited for.
    pub timeout: Millis,
    /// The pause after a failure; it doubles with each in a row.
    pub pause: Millis,
    /// Failures in a row after which a provider is dropped.
    pub failures: u32,
    /// Times in a row that a provider does not give what it said it has, before it is dropped. It rests after each.
    pub empty_promises: u32,
    /// How often a provider that has only some chunks is asked for what came.
    pub look_again: Millis,
    /// Among how many of the next missing chunks the rarest is looked for.
    pub look_ahead: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            providers: 64,
            in_flight: 48,
            first_window: 4,
            most_window: 16,
            good_answer: 1_500,
            timeout: 20_000,
            pause: 1_000,
            failures: 4,
            empty_promises: 8,
            look_again: 3_000,
            look_ahead: 256,
        }
    }
}
