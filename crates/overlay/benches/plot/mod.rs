//! The growth as a picture: hops and time over the number of peers.

use crate::sim::tally::Row;
use std::fmt::Write as _;

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 300.0;
const MARGIN: f64 = 46.0;
const PHASES: [(&str, &str); 4] = [
    ("all well", "#2b7a3d"),
    ("30% silent, 10% lie", "#b3261e"),
    ("half replaced", "#8a5a00"),
    ("after it", "#3b5ba9"),
];

type Line<'a> = (&'a str, &'a str, Vec<(f64, f64)>);

/// Two panels side by side.
pub(crate) fn svg(rows: &[Row]) -> String {
    let of = |value: fn(&Row) -> f64| -> Vec<Line<'_>> {
        let line = |&(what, colour): &(&'static str, &'static str)| {
            let points = rows.iter().filter(|row| row.what == what).map(|row| (row.peers as f64, value(row))).collect();
            (what, colour, points)
        };
        PHASES.iter().map(line).collect()
    };
    let mut hops = of(Row::mean_hops);
    let half_log = rows.iter().filter(|row| row.what == "all well").map(|row| row.peers as f64);
    hops.push(("log2(n)/2", "#999999", half_log.map(|peers| (peers, peers.log2() / 2.0)).collect()));
    let time = of(|row| row.at(0.95).as_secs_f64() * 1e3);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{}{}</svg>\n",
        2.0 * WIDTH,
        panel(0.0, "hops of a lookup", &hops),
        panel(WIDTH, "p95 of a lookup, ms", &time),
    )
}

/// The next of 1, 2, 2.5, 5 and their multiples of ten.
fn round_step(step: f64) -> f64 {
    let ten = 10.0_f64.powf(step.log10().floor());
    [1.0, 2.0, 2.5, 5.0].into_iter().map(|digit| digit * ten).find(|rounded| *rounded >= step).unwrap_or(10.0 * ten)
}

fn panel(left: f64, title: &str, lines: &[Line<'_>]) -> String {
    let points = || lines.iter().flat_map(|(_, _, points)| points);
    let (least, most) = points().fold((f64::MAX, 1.0_f64), |(least, most), (x, _)| (least.min(*x), most.max(*x)));
    let step = round_step(points().fold(1.0_f64, |top, (_, y)| top.max(*y)) * 1.25 / 4.0);
    let top = 4.0 * step;
    let x = |peers: f64| {
        let share = (peers.ln() - least.ln()) / (most.ln() - least.ln()).max(f64::EPSILON);
        left + MARGIN + share * (WIDTH - 2.0 * MARGIN)
    };
    let y = |value: f64| HEIGHT - MARGIN - value / top * (HEIGHT - 2.0 * MARGIN);
    let mut text = format!("<text x=\"{}\" y=\"20\" font-size=\"13\">{title}</text>\n", left + MARGIN);
    let (floor, right) = (HEIGHT - MARGIN, left + WIDTH - MARGIN);
    let _ = writeln!(
        text,
        "<path d=\"M{} {MARGIN} V{floor} H{right}\" fill=\"none\" stroke=\"black\"/>\n<text x=\"{right}\" y=\"{}\" \
         text-anchor=\"end\">peers (logarithmic)</text>",
        left + MARGIN,
        floor + 32.0,
    );
    for number in 0..=4 {
        let value = step * f64::from(number);
        let (at, y) = (left + MARGIN - 4.0, y(value) + 4.0);
        let _ = writeln!(text, "<text x=\"{at}\" y=\"{y}\" text-anchor=\"end\">{value}</text>");
    }
    for (at, (name, colour, points)) in lines.iter().enumerate() {
        let places: Vec<String> =
            points.iter().map(|(peers, value)| format!("{:.1},{:.1}", x(*peers), y(*value))).collect();
        let _ = writeln!(
            text,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            places.join(" ")
        );
        for (peers, value) in points {
            let _ =
                writeln!(text, "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>", x(*peers), y(*value));
            if at == 0 {
                let _ = writeln!(
                    text,
                    "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{peers}</text>",
                    x(*peers),
                    floor + 16.0
                );
            }
        }
        let _ = writeln!(
            text,
            "<text x=\"{}\" y=\"{}\" fill=\"{colour}\">{name}</text>",
            left + MARGIN + 10.0,
            MARGIN + 4.0 + 14.0 * at as f64
        );
    }
    text
}
