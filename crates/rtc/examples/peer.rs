//! One peer by hand, with real addresses: SDPs go over standard output and input, a line each.
//!
//! ```sh
//! cargo run -p pumasi-rtc --example peer offer      # on one machine
//! cargo run -p pumasi-rtc --example peer answer     # on the other: paste the lines across
//! ```
#![expect(clippy::print_stdout, reason = "an example talks")]

use std::io::{self, BufRead};

use pumasi_rtc::{DataLink, IceConfig, Observer, answer, offer};

/// An SDP has several lines; the terminal carries it as one.
const LINE_END: &str = "\\r\\n";

fn read_sdp() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim().replace(LINE_END, "\r\n"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = IceConfig::default();
    let observer = Observer::new(|progress| tell(&progress));
    let offers = std::env::args().nth(1).as_deref() == Some("offer");
    let connecting = if offers {
        let offering = offer(&config, observer).await?;
        println!("{}", offering.sdp().replace("\r\n", LINE_END));
        offering.accept(&read_sdp()?)?
    } else {
        let (connecting, sdp) = answer(&config, &read_sdp()?, observer).await?;
        println!("{}", sdp.replace("\r\n", LINE_END));
        connecting
    };
    let mut link = connecting.open().await?;
    if offers {
        link.send(b"hello".to_vec()).await?;
        let echoed = link.recv().await;
        println!("echoed {}", echoed.is_some_and(|echoed| echoed == b"hello"));
        link.close().await;
    } else {
        while let Some(message) = link.recv().await {
            link.send(message).await?;
        }
        println!("{:?} over {}", link.state(), link.report());
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "beside the SDP, which is on standard output")]
fn tell(progress: &pumasi_rtc::Progress) {
    eprintln!("{progress:?}");
}
