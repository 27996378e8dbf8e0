//! Signs, drawn by us on a grid of 24. They are decoration: what they mean is always written beside them.

use leptos::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Icon {
    Home,
    Search,
    Send,
    Receive,
    History,
    More,
    Back,
    Next,
    Check,
    Warn,
    Info,
    Lock,
    Shield,
    Key,
    Copy,
    Share,
    Save,
    Scan,
    People,
    Book,
    Link,
    Close,
    Eye,
    Clock,
    Handshake,
    Refresh,
}

/// The sign, in the colour of the text.
pub(crate) fn icon(which: Icon) -> AnyView {
    view! {
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
            <path d=path(which)></path>
        </svg>
    }
    .into_any()
}

fn path(which: Icon) -> &'static str {
    match which {
        Icon::Home => "M4 11l8-7 8 7M6 9.5V20h4.5v-5.5h3V20H18V9.5",
        Icon::Search => "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5L20.5 20.5",
        Icon::Send => "M7 17L17 7M9 7h8v8",
        Icon::Receive => "M17 7L7 17M7 9v8h8",
        Icon::History => "M5 7h14M5 12h14M5 17h9",
        Icon::More => "M5 7h14M5 12h14M5 17h14",
        Icon::Back => "M14.5 5L7.5 12l7 7",
        Icon::Next => "M9.5 5l7 7-7 7",
        Icon::Check => "M5 12.5l4.5 4.5L19 7.5",
        Icon::Warn => "M12 4L2.8 20h18.4zM12 10v4.5M12 17.2v.1",
        Icon::Info => "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 11v5M12 7.8v.1",
        Icon::Lock => "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3M12 14.5v2",
        Icon::Shield => "M12 3.5l7 2.5v5.5c0 4.2-2.8 7.5-7 9-4.2-1.5-7-4.8-7-9V6zM9 12l2.2 2.2L15.2 10",
        Icon::Key => "M8 11a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM10.9 12.1L19 4M16 7l2.5 2.5",
        Icon::Copy => "M9 9h10v11H9zM15 9V4H5v11h4",
        Icon::Share => "M12 15V4M8 7.5L12 3.5l4 4M6 12H5v8.5h14V12h-1",
        Icon::Save => "M12 4v11M8 11.5l4 4 4-4M5 20h14",
        Icon::Scan => "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M4 12h16",
        Icon::People => {
            "M9 5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM2.5 19c.6-3 3.2-4.7 6.5-4.7s5.9 1.7 6.5 4.7M16 5.4a3.3 3.3 0 0 1 0 6.2M17.5 14.6c2.2.5 3.6 2 4 4.4"
        }
        Icon::Book => "M6 4h12v16H6zM9.5 4v16M12.5 8.5h3M12.5 12h3",
        Icon::Link => {
            "M10 14l4-4M11 7.500l1.5-1.500a4 4 0 0 1 5.6 5.600L16.5 13M13 16.500L11.5 18a4 4 0 0 1-5.6-5.600L7.5 11"
        }
        Icon::Close => "M6 6l12 12M18 6L6 18",
        Icon::Eye => {
            "M2.5 12C4.5 8 8 6 12 6s7.5 2 9.5 6c-2 4-5.5 6-9.5 6s-7.5-2-9.5-6zM12 9.300a2.7 2.7 0 1 0 0 5.4 2.7 2.7 0 0 0 0-5.400z"
        }
        Icon::Clock => "M12 3.500a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 7.500V12l3 2.5",
        Icon::Handshake => {
            "M4.5 12a7.5 7.5 0 0 1 12.8-5.300L19.5 9M19.5 4.500V9H15M19.5 12a7.5 7.5 0 0 1-12.8 5.300L4.5 15M4.5 19.500V15H9"
        }
        Icon::Refresh => "M19.5 12a7.5 7.5 0 1 1-2.2-5.300L19.5 9M19.5 4.500V9H15",
    }
}
