// The whole story in a real browser, over real processes: find a shop by "식당", pay it, keep the receipt. Prints what was
// seen, and ends with 1 when something was not.
//
//   cargo xtask web && cargo build -p pumasi-cli && node testing/web/pay.mjs [folder for pictures]
import { createServer } from "node:http";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { chromiumPath, open, see } from "./browser.mjs";
import { World, openShop, street } from "./processes.mjs";

const pictures = process.argv[2];
const dist = process.env.PUMASI_WEB_DIST;
const PASSWORD = "브라우저 비밀번호 하나";
const started = Date.now();
let failed = false;

if (!chromiumPath()) {
  console.log("SKIPPED web-pay: no Chromium");
  process.exit(0);
}

const world = await World.make();
let browser;
try {
  await tell("two bootstrap nodes with gateways, a directory, a shop", () => street(world).then((made) => Object.assign(world, made)));
  const page = await serveAndOpen();
  await story(page);
} catch (error) {
  failed = true;
  console.log(`FAILED ${error.stack ?? error}`);
  if (browser) {
    console.log(`--- console\n${browser.complaints.join("\n")}`);
    await picture(browser.page, "failed").catch(() => {});
  }
  for (const one of world.running) console.log(`--- ${one.child.spawnargs.slice(1).join(" ")}\n${one.log.slice(-40).join("\n")}`);
} finally {
  await browser?.close();
  await world.end();
}
process.exit(failed ? 1 : 0);

async function tell(what, work) {
  const begin = Date.now();
  const result = await work();
  console.log(`ok ${what} (${((Date.now() - begin) / 1000).toFixed(1)} s)`);
  return result;
}

async function picture(page, name) {
  if (!pictures) return;
  await mkdir(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
}

async function serveAndOpen(directory = world.directoryUrl) {
  const gateways = world.gateways.flatMap((url) => ["--gateway", url]);
  const from = dist ? ["--dist", dist] : [];
  const web = world.start("web", "--listen", "127.0.0.1:0", "--directory", directory, ...gateways, ...from);
  const { url } = await web.event("serving");
  browser ??= await open();
  const strangers = new Set();
  browser.page.on("request", (request) => {
    const { hostname, protocol } = new URL(request.url());
    if (protocol.startsWith("http") && hostname !== "127.0.0.1") strangers.add(request.url());
  });
  world.strangers = strangers;
  await browser.page.goto(url);
  await browser.page.locator("h1").first().waitFor({ timeout: 30_000 });
  return browser.page;
}

async function create(page) {
  await page.getByRole("link", { name: "새로 시작하기" }).click();
  await page.locator("#name").fill("민아");
  await page.locator("#password").fill(PASSWORD);
  await page.locator("#again").fill(PASSWORD);
  await page.locator("main form button[type=submit]").click();
  await see(page, "민아 님", 60_000);
}

async function unlock(page, password) {
  await page.locator("#password").fill(password);
  await page.locator("main form button[type=submit]").click();
}

async function find(page) {
  await page.locator(".tabs").getByRole("link", { name: "찾기" }).click();
  await page.locator("#query").fill("식당");
  await page.locator("form.search button").click();
}

async function pay(page, amount, memo) {
  await page.locator("#amount").fill("");
  await page.locator("#amount").pressSequentially(String(amount));
  if (memo) await page.locator("#memo").fill(memo);
  await page.locator("main form button[type=submit]").click();
  await page.locator("#confirm").waitFor();
  const sure = page.locator(".check input");
  if (await sure.count()) await sure.check();
  await picture(page, `review-${amount}`);
  // Twice, as an impatient hand does.
  await page.locator("#confirm").dblclick();
}

// The payments in the shop's ledger that it has accepted: sum and number.
async function shopTook() {
  const [shown] = await world.run("--home", world.home, "ledger", "show", "--last", "200");
  return shown.balances.map(({ balance, they_owe, amount }) => String(they_owe ?? balance ?? amount)).join(",");
}

async function story(page) {
  await tell("a first run makes an identity from a clean profile", () => create(page));
  await tell("the shop is found by 식당, its listing verified", async () => {
    await find(page);
    await see(page, "할매국밥", 30_000);
    await picture(page, "found");
    await page.getByRole("link", { name: /할매국밥/ }).first().click();
    await see(page, "누가 보증하나요", 30_000);
    const agreed = await page.getByText("같은 프로필").count();
    if (agreed < 2) throw new Error(`${agreed} gateways agreed on the profile`);
    await picture(page, "shop");
  });
  await tell("12,000 KRW are paid, and the receipt is there", async () => {
    await page.getByRole("link", { name: "여기에 보내기" }).click();
    await see(page, /확인 안 함|처음 봐요/);
    await pay(page, 12000, "점심");
    await page.locator("#receipt").waitFor({ timeout: 60_000 });
    await see(page, "둘 다 서명했고", 60_000);
    await picture(page, "settled");
    const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#receipt button").first().click()]);
    world.receipt = world.path("receipt.json");
    await download.saveAs(world.receipt);
  });
  await tell("the command line finds the saved receipt genuine", () => world.run("receipt", "verify", world.receipt));
  await tell("the page's ledger audits clean", async () => {
    await page.evaluate(() => { location.hash = "#/ledger"; });
    await page.locator("main button.primary").click();
    await see(page, "이상 없어요", 30_000);
  });
  await tell("the shop's ledger audits clean and says the same", async () => {
    await world.run("--home", world.home, "ledger", "audit");
    const took = await shopTook();
    if (took !== "12000") throw new Error(`the shop's ledger has ${took}`);
  });
  await tell("a reload keeps everything, and a wrong password opens nothing", async () => {
    await page.reload();
    await see(page, "다시 만나서", 30_000);
    await unlock(page, "틀린 비밀번호");
    await see(page, "비밀번호가 맞지 않아요", 30_000);
    if (await page.locator(".tabs").count()) throw new Error("a wrong password opened something");
    await unlock(page, PASSWORD);
    await page.locator(".tabs").waitFor({ timeout: 30_000 });
    await page.evaluate(() => { location.hash = "#/"; });
    await see(page, "민아 님", 30_000);
    await see(page, "점심");
    await picture(page, "home");
  });
  await tell("the shop is killed in the middle of a payment, comes back, and the payment goes on", async () => {
    await world.shop.stop("SIGKILL");
    await page.evaluate((did) => { location.hash = `#/pay/${did}`; }, world.did);
    await pay(page, 8000, "국밥");
    await see(page, "보낼 준비가 됐어요", 30_000);
    await picture(page, "queued");
    world.shop = await openShop(world, world.home, world.address, world.shop.address);
    // It tries again by itself, and may be done before the button is pressed.
    await page.getByRole("button", { name: "지금 다시 하기" }).click({ timeout: 2_000 }).catch(() => {});
    await see(page, "둘 다 서명했고", 120_000);
    const took = await shopTook();
    if (took !== "20000") throw new Error(`the shop's ledger has ${took}`);
  });
  await tell("a directory with a forged endpoint is caught and named", async () => {
    const liar = await forger(world.directoryUrl);
    await page.evaluate(() => { location.hash = "#/settings"; });
    await page.locator("#directories").fill(liar.url);
    await page.locator("main form button[type=submit]").click();
    await see(page, "바꿨어요");
    await find(page);
    await see(page, "가짜 정보를 준 디렉터리", 30_000);
    await picture(page, "forged");
    liar.close();
  });
  await tell("the first screen comes without the peer, and a peer that could not be fetched is fetched again", firstScreen);
  await tell("nothing came from another origin than this machine, and the policy was broken by nothing", async () => {
    if (world.strangers.size) throw new Error([...world.strangers].join(" "));
    const broken = browser.complaints.filter((text) => /Content Security Policy|panicked|unreachable/.test(text));
    if (broken.length) throw new Error(broken.join("\n"));
  });
  console.log(`the whole story: ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

// What is counted as the first screen is one: it is there and can be used before the rest of the module is.
async function firstScreen() {
  const other = await open({ serviceWorkers: "block" });
  try {
    let asked = 0;
    await other.page.route(/\/peer\.[^/]*\.wasm$/, (route) => { asked += 1; return route.abort(); });
    await other.page.goto(browser.page.url().split("#")[0]);
    await see(other.page, "새로 시작하기", 30_000);
    await other.page.getByRole("link", { name: "새로 시작하기" }).click();
    for (const [field, text] of [["#name", "민아"], ["#password", PASSWORD], ["#again", PASSWORD]]) await other.page.locator(field).fill(text);
    const make = other.page.locator("main form button[type=submit]");
    await make.click();
    await see(other.page, "인터넷에 닿지 않아요");
    if (!asked) throw new Error("nobody asked for the peer");
    await picture(other.page, "no-peer");
    await other.page.unrouteAll();
    await make.click();
    await see(other.page, "민아 님", 60_000);
  } finally {
    await other.close();
  }
}

// A directory that hands over what another has, with the endpoint changed.
async function forger(real) {
  const server = createServer(async (request, response) => {
    const cors = { "access-control-allow-origin": "*", "access-control-allow-headers": "*" };
    if (request.method === "OPTIONS") return response.writeHead(204, cors).end();
    const answer = await fetch(new URL(request.url, real));
    const text = (await answer.text()).replaceAll(/"service_endpoint":"[^"]*"/g, '"service_endpoint":"https://evil.example"');
    response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "application/json", ...cors }).end(text);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}
