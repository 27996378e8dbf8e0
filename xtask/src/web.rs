//! `cargo xtask web`: builds the page into the target directory's `web`, ready for any server of files, and measures it.

mod icon;
mod parts;
mod squeeze;

use anyhow::{Context, bail, ensure};
use sha2::{Digest as _, Sha256};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";
/// What a phone fetches before it shows something, compressed with brotli: at most so many bytes.
const BUDGET: usize = 350_000;
/// What to build.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Build an example of pumasi-ui instead of the app, such as the gallery of every screen. It is not for shipping.
    #[arg(long, value_name = "NAME")]
    example: Option<String>,
    /// Where to; otherwise `web` in the target directory.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Build in seconds rather than small: no optimisation, and no budget.
    #[arg(long)]
    dev: bool,
}

/// A file of the page.
struct Asset {
    name: String,
    bytes: Vec<u8>,
    /// When it is fetched.
    when: When,
}

/// When a file of the page is fetched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// Before the first screen is shown: it counts towards the budget.
    First,
    /// Right after, and kept for when there is no network.
    Next,
    /// When somebody asks for it.
    Asked,
}

#[allow(clippy::print_stdout, reason = "a program for the terminal")]
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let (root, target) = folders()?;
    let module = build(options, &target)?;
    let name = if options.example.is_some() { "web-example" } else { "web" };
    let out = options.out.clone().unwrap_or_else(|| target.join(name));
    let assets = assemble(&root, &module)?;

    match fs::remove_dir_all(&out) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).context(out.display().to_string());
        }
        _ => fs::create_dir_all(&out).with_context(|| out.display().to_string())?,
    }
    println!("{:<28} {:>10} {:>10} {:>10}", "file", "bytes", "gzip", "brotli");
    let (mut first, mut next) = (0, 0);
    for asset in &assets {
        let write = |suffix: &str, bytes: &[u8]| {
            let path = out.join(format!("{}{suffix}", asset.name));
            fs::write(&path, bytes).with_context(|| path.display().to_string())
        };
        write("", &asset.bytes)?;
        let mut smallest = asset.bytes.len();
        let mut columns = [String::from("-"), String::from("-")];
        if squeeze::worth_it(&asset.name) {
            let (gzip, brotli) = (squeeze::gzip(&asset.bytes)?, squeeze::brotli(&asset.bytes, options.dev)?);
            write(".gz", &gzip)?;
            write(".br", &brotli)?;
            columns = [gzip.len().to_string(), brotli.len().to_string()];
            smallest = brotli.len();
        }
        match asset.when {
            When::First => first += smallest,
            When::Next => next += smallest,
            When::Asked => {}
        }
        println!("{:<28} {:>10} {:>10} {:>10}", asset.name, asset.bytes.len(), columns[0], columns[1]);
    }
    println!("first screen: {first} bytes of brotli, the budget is {BUDGET}; after it, the peer: {next} bytes");
    println!("{}", out.display());
    if !options.dev && first > BUDGET {
        bail!("the first screen is {} bytes over the budget", first - BUDGET);
    }
    Ok(())
}

/// Compiles the program, and gives the folder with the module and its JavaScript, as wasm-bindgen wrote them.
fn build(options: &Options, target: &Path) -> anyhow::Result<PathBuf> {
    let profile = if options.dev { "dev" } else { "wasm" };
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["rustc", "--target", TARGET, "--profile", profile]);
    let folder = target.join(TARGET).join(if options.dev { "debug" } else { profile });
    let built = match &options.example {
        Some(example) => {
            cargo.args(["--package", "pumasi-ui", "--example", example]);
            folder.join("examples").join(format!("{example}.wasm"))
        }
        None => {
            cargo.args(["--package", "pumasi-web", "--bin", "pumasi-web"]);
            folder.join("pumasi-web.wasm")
        }
    };
    let whole = options.example.is_some();
    if !whole {
        cargo.args(parts::RUSTC);
    }
    ensure!(cargo.status().context("cargo rustc")?.success(), "the page does not build");

    let bound = target.join("web-bindgen");
    let _ = fs::remove_dir_all(&bound);
    let first = if whole { built } else { parts::cut(&built, &bound)? };
    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    bindgen.input_path(&first).out_name("pumasi").typescript(false).omit_default_module_path(true);
    // The second part finds the first one's functions by the names that the linker gave them.
    bindgen.keep_lld_exports(!whole).demangle(false);
    bindgen.web(true)?.remove_name_section(!options.dev).remove_producers_section(true);
    bindgen.generate(&bound).with_context(|| format!("wasm-bindgen of {}", first.display()))?;
    // A snippet is a file of JavaScript of some crate, which would be fetched before the module starts.
    ensure!(
        !bound.join("snippets").exists(),
        "a dependency brings JavaScript of its own: {}/snippets",
        bound.display()
    );
    Ok(bound)
}

/// All files of the page. Those that change have their hash in their name, so that they may be kept for ever.
fn assemble(root: &Path, bound: &Path) -> anyhow::Result<Vec<Asset>> {
    let read = |name: &str| fs::read(bound.join(name)).with_context(|| bound.join(name).display().to_string());
    let source = |path: &str| {
        let path = root.join(path);
        fs::read_to_string(&path).with_context(|| path.display().to_string())
    };
    let fixed = |name: &str| source(&format!("apps/web/static/{name}"));
    let mut assets = Vec::new();
    let hashed = |stem: &str, ending: &str, bytes: &[u8]| format!("{stem}.{}.{ending}", &hex(bytes)[..10]);
    let mut add = |name: String, bytes: Vec<u8>, when: When| {
        assets.push(Asset { name: name.clone(), bytes, when });
        name
    };
    let wasm = read("pumasi_bg.wasm")?;
    let wasm = add(hashed("pumasi", "wasm", &wasm), wasm, When::First);
    let text = |name: &str| String::from_utf8(read(name)?).with_context(|| name.to_owned());
    let glue = text(parts::GLUE)?;
    let (glue, loader) = if bound.join(parts::LOADER).exists() {
        let peer = parts::bare(&read(parts::PEER)?)?;
        let peer = add(hashed("peer", "wasm", &peer), peer, When::Next);
        let loader = text(parts::LOADER)?.replace(parts::PEER, &peer);
        // Each of the two names the other, so both are named by the hash of both.
        let both = [glue.as_bytes(), loader.as_bytes()].concat();
        let (glue_name, loader_name) = (hashed("pumasi", "js", &both), hashed("parts", "js", &both));
        let loader = parts::import_from(&loader, parts::GLUE, &glue_name)?;
        let glue = parts::import_from(&glue, parts::LOADER, &loader_name)?;
        let loader = add(loader_name, loader.into_bytes(), When::First);
        (add(glue_name, glue.into_bytes(), When::First), loader)
    } else {
        // In one part: what is asked for early is the glue only, twice.
        let glue = add(hashed("pumasi", "js", glue.as_bytes()), glue.into_bytes(), When::First);
        (glue.clone(), glue)
    };
    let style = source("crates/ui/src/style.css")?.into_bytes();
    let style = add(hashed("style", "css", &style), style, When::First);
    let boot = fixed("boot.js")?.replace("{glue}", &glue).replace("{wasm}", &wasm).into_bytes();
    let boot = add(hashed("boot", "js", &boot), boot, When::First);

    let policy = fixed("csp.txt")?;
    let index = [
        ("{csp}", policy.trim()),
        ("{style}", &style),
        ("{glue}", &glue),
        ("{parts}", &loader),
        ("{wasm}", &wasm),
        ("{boot}", &boot),
    ]
    .iter()
    .fold(fixed("index.html")?, |text, (hole, filling)| text.replace(hole, filling));
    let mut plain = |name: &str, bytes: Vec<u8>, when: When| drop(add(name.into(), bytes, when));
    plain("index.html", index.into_bytes(), When::First);
    plain("icon.svg", fixed("icon.svg")?.into_bytes(), When::First);
    plain("manifest.webmanifest", fixed("manifest.webmanifest")?.into_bytes(), When::Asked);
    plain("icon-180.png", icon::png(180, icon::Shape::Square)?, When::Asked);
    plain("icon-192.png", icon::png(192, icon::Shape::Rounded)?, When::Asked);
    plain("icon-512.png", icon::png(512, icon::Shape::Rounded)?, When::Asked);
    plain("icon-maskable-512.png", icon::png(512, icon::Shape::Maskable)?, When::Asked);

    // The shell for when there is no network, under a name that changes with any of its files.
    let all: Vec<u8> = assets.iter().flat_map(|asset| Sha256::digest(&asset.bytes)).collect();
    let mut shell: Vec<&str> =
        assets.iter().filter(|asset| asset.when != When::Asked).map(|asset| asset.name.as_str()).collect();
    shell.retain(|name| *name != "index.html");
    shell.extend(["./", "manifest.webmanifest", "icon-192.png"]);
    let worker =
        fixed("sw.js")?.replace("{version}", &hex(&all)[..10]).replace("{files}", &serde_json::to_string(&shell)?);
    assets.push(Asset { name: "sw.js".into(), bytes: worker.into_bytes(), when: When::Asked });
    Ok(assets)
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The workspace, and where it is built.
fn folders() -> anyhow::Result<(PathBuf, PathBuf)> {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .context("cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let folder =
        |name: &str| metadata[name].as_str().map(PathBuf::from).with_context(|| format!("cargo metadata: {name}"));
    Ok((folder("workspace_root")?, folder("target_directory")?))
}
