// A real Chromium, from a clean profile, for the scripts beside this one.
import { createServer } from "node:http";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";

// The packages are where `./x` installs them, not beside this file.
const modules = process.env.PUMASI_NODE_MODULES;
export const require = createRequire(modules ? join(modules, "package.json") : import.meta.url);
const { chromium } = require("playwright-core");

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export function chromiumPath() {
  const paths = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  return paths.find((path) => path && existsSync(path));
}

// A browser that was never here. What it complains about on its console is kept: a page of ours complains about nothing.
export async function open({ viewport = { width: 390, height: 844 }, ...options } = {}) {
  const executablePath = chromiumPath();
  if (!executablePath) throw new Error("no Chromium; set CHROMIUM");
  const profile = await mkdtemp(join(tmpdir(), "pumasi-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: FLAGS,
    viewport,
    deviceScaleFactor: 2,
    locale: "ko-KR",
    timezoneId: "Asia/Seoul",
    ...options,
  });
  const page = context.pages()[0] ?? (await context.newPage());
  const complaints = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  const close = async () => {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  };
  return { context, page, complaints, close };
}

const MEDIA = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".wasm": "application/wasm",
  ".json": "application/json",
  ".webmanifest": "application/manifest+json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
};

// Serves a folder of files on a free port of this machine, for builds that `pumasi web` does not serve.
export async function serve(folder) {
  const server = createServer(async (request, response) => {
    const name = new URL(request.url, "http://localhost").pathname.slice(1) || "index.html";
    try {
      if (name.includes("/")) throw new Error("no folders here");
      const bytes = await readFile(join(folder, name));
      response.writeHead(200, { "content-type": MEDIA[extname(name)] ?? "application/octet-stream" }).end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

// Fails with what is on the screen, since that is what one wants to know.
export async function see(page, text, timeout = 20_000) {
  try {
    await page.getByText(text).first().waitFor({ state: "visible", timeout });
  } catch {
    throw new Error(`never saw ${text}; there is:\n${await page.locator("body").innerText()}`);
  }
}
