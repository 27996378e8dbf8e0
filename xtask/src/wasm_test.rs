//! `cargo xtask wasm-test`: builds the tests of crates for `wasm32-unknown-unknown` and runs them in a browser.

use crate::wasm_runner;
use anyhow::{Context, bail, ensure};
use std::env;
use std::path::PathBuf;
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";
/// A crate with this among its dependencies has tests for the browser.
const HARNESS: &str = "wasm-bindgen-test";

/// What to test.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A crate to test; every crate that depends on wasm-bindgen-test otherwise.
    #[arg(long = "package", short, value_name = "CRATE")]
    packages: Vec<String>,
    /// Build as for a release.
    #[arg(long)]
    release: bool,
    /// Features to turn on.
    #[arg(long, short = 'F', value_name = "FEATURES")]
    features: Vec<String>,
    /// For the test harness, such as a part of a test's name.
    #[arg(last = true, value_name = "HARNESS ARGUMENT")]
    harness: Vec<String>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let workspace = Workspace::read()?;
    let packages = if options.packages.is_empty() { &workspace.browser_tested } else { &options.packages };
    ensure!(!packages.is_empty(), "no crate of the workspace depends on {HARNESS}");

    let runner = env::current_exe().context("the path of this program")?;
    let runner = runner.to_str().context("the path of this program is not UTF-8")?;
    // An array, where the environment variable of the same meaning would be split at spaces in the path.
    let runner = serde_json::to_string(&[runner, wasm_runner::COMMAND])?;

    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(&workspace.root).args(["test", "--target", TARGET]);
    cargo.arg("--config").arg(format!("target.{TARGET}.runner={runner}"));
    for package in packages {
        cargo.args(["--package", package]);
    }
    // Doc tests run natively, with the others.
    cargo.args(["--lib", "--tests"]);
    for features in &options.features {
        cargo.args(["--features", features]);
    }
    if options.release {
        cargo.arg("--release");
    }
    cargo.arg("--").args(&options.harness);

    if env::var_os("CHROMEDRIVER").is_none() {
        cargo.env("CHROMEDRIVER", find_chromedriver()?);
    }
    cargo.env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", workspace.root.join("webdriver.json"));
    // Both are more than a busy machine needs; the runner has a last limit above them.
    cargo.env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "30");
    cargo.env("WASM_BINDGEN_TEST_TIMEOUT", "120");
    // Tests that do not say where they run belong in a page as well, not in Node.
    cargo.env("WASM_BINDGEN_USE_BROWSER", "1");

    let status = cargo.status().context("cargo test")?;
    if !status.success() {
        bail!("the browser tests of {} failed", packages.join(", "));
    }
    Ok(())
}

struct Workspace {
    root: PathBuf,
    browser_tested: Vec<String>,
}

impl Workspace {
    fn read() -> anyhow::Result<Self> {
        let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .context("cargo metadata")?;
        ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;

        let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
        let root = metadata["workspace_root"].as_str().context("cargo metadata: workspace_root")?.into();
        let browser_tested = list(&metadata["packages"])
            .iter()
            .filter(|package| list(&package["dependencies"]).iter().any(|on| on["name"] == HARNESS))
            .filter_map(|package| package["name"].as_str().map(str::to_owned))
            .collect();
        Ok(Self { root, browser_tested })
    }
}

fn find_chromedriver() -> anyhow::Result<PathBuf> {
    env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .map(|folder| folder.join(format!("chromedriver{}", env::consts::EXE_SUFFIX)))
        .find(|path| path.is_file())
        .context("no chromedriver in PATH: install the package chromium-driver, or name one in CHROMEDRIVER")
}
