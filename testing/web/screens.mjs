// Every screen in both languages and both themes, over the fixture of the tests: pictures to look at, and what a machine
// can see for itself: accessibility by axe, text that runs out of the screen, complaints on the console.
//
//   cargo xtask web --dev --example gallery
//   node testing/web/screens.mjs target/web-example target/screens
import { mkdir } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { open, require, see, serve } from "./browser.mjs";

const [, , dist = "target/web-example", out = "target/screens", only = "", width = "390"] = process.argv;
const PASSWORD = "우리 동네 식당 앞";
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const problems = [];

// [name, scene, address, what to wait for in Korean and in English, what to do before the picture]
const SCREENS = [
  ["welcome", "first", "#/", ["가입도, 계정도", "No sign-up"]],
  ["create", "first", "#/create", ["이름과 비밀번호만", "A name and a password"]],
  ["restore", "first", "#/restore", ["그때의 비밀번호", "that it had"]],
  ["unlock", "locked", "#/", ["다시 만나서", "Welcome back"]],
  ["home", "full", "#/", ["국밥", "국밥"]],
  ["home-empty", "empty", "#/", ["아직 주고받은 것이", "Nothing has been paid"]],
  ["find", "full", "#/find", ["많이 찾는 것", "Often looked for"]],
  ["find-results", "full", "#/find?q=식당", ["서명을 확인했어요", "every signature"]],
  ["find-nothing", "empty", "#/find?q=없는것", ["찾은 것이 없어요", "Nothing was found"]],
  ["find-offline", "offline", "#/find?q=식당", ["인터넷에 닿지", "There is no network"]],
  ["shop", "full", "#/shop/{2}", ["누가 보증하나요", "Who vouches"]],
  ["shop-changed", "changed", "#/shop/{2}", ["열쇠가 바뀌었어요", "have changed"]],
  ["pay", "full", "#/pay", ["김철수", "김철수"]],
  ["pay-nobody", "empty", "#/pay", ["아직 아는 사람이", "You know nobody"]],
  ["amount", "full", "#/pay/{2}", ["할매국밥", "할매국밥"], type("12000")],
  ["review", "full", "#/pay/{2}", ["할매국밥", "할매국밥"], review("12000")],
  ["review-first", "empty", "#/pay/{3}", ["달빛카페", "달빛카페"], review("4500")],
  ["review-over", "empty", "#/pay/{3}", ["달빛카페", "달빛카페"], review("90000")],
  ["payment-queued", "full", "#/payment/{a0}", ["보낼 준비가", "Ready to leave"]],
  ["payment-asks", "full", "#/payment/{a1}", ["결정을 기다려요", "Waits for you"]],
  ["payment-settled", "full", "#/payment/{a2}", ["완료", "Settled"]],
  ["payment-refused", "full", "#/payment/{a4}", ["받지 않았어요", "Refused"]],
  ["payment-expired", "full", "#/payment/{a6}", ["결과를 몰라요", "Outcome unknown"]],
  ["receive", "full", "#/receive", ["받을 금액을", "Say how much"]],
  ["request", "full", "#/receive", ["받을 금액을", "Say how much"], ask],
  ["history", "full", "#/history", ["칼국수", "칼국수"]],
  ["contacts", "full", "#/contacts", ["김철수", "김철수"]],
  ["ledger", "full", "#/ledger", ["내보내기", "Export"], audit],
  ["ledger-wrong", "changed", "#/ledger", ["내보내기", "Export"], audit],
  ["backup", "full", "#/backup", ["열리는지", "Check that it opens"]],
  ["settings", "full", "#/settings", ["네트워크", "Network"]],
  ["lost", "full", "#/nowhere", ["없는 화면", "Nothing is here"]],
];

function type(amount) {
  return async (page) => {
    await page.locator("#amount").fill("");
    await page.locator("#amount").pressSequentially(amount);
  };
}

function review(amount) {
  return async (page) => {
    await type(amount)(page);
    await page.locator("main form button[type=submit]").click();
    await page.locator("#confirm").waitFor();
  };
}

async function ask(page) {
  await page.locator("#amount").pressSequentially("24000");
  await page.locator("#memo").fill("점심 두 그릇");
  await page.locator("main form button[type=submit]").click();
  await page.locator("#request").waitFor();
}

async function audit(page) {
  await page.locator("main button.primary").click();
  await page.locator("#audit .note").waitFor();
}

async function check(page, name) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (wide > 0) problems.push(`${name}: ${wide} px too wide`);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  for (const { id, help, nodes } of violations) {
    problems.push(`${name}: axe ${id}: ${help}: ${nodes.map((node) => node.target.join(" ")).slice(0, 3).join(" | ")}`);
  }
}

const server = await serve(dist);
await mkdir(out, { recursive: true });
// The policy is tested with `pumasi web`; here a script of ours (axe) has to get in.
const { context, page, complaints, close } = await open({ bypassCSP: true, viewport: { width: Number(width), height: 844 } });
let pictures = 0;
for (const theme of ["light", "dark"]) {
  for (const [number, lang] of ["ko", "en"].entries()) {
    await context.addInitScript(([lang, theme]) => {
      if (location.protocol !== "http:") return;
      localStorage.setItem("pumasi.lang", lang);
      localStorage.setItem("pumasi.theme", theme);
    }, [lang, theme]);
    let scene = "";
    for (const [name, wanted, address, texts, prepare] of SCREENS) {
      if (only && !name.startsWith(only)) continue;
      const ids = await people();
      const hash = address.replace(/\{(\w+)\}/, (_, key) => (key.length === 1 ? ids[key] : key.padEnd(64, "0")));
      const label = `${name}-${lang}-${theme}`;
      try {
        if (scene !== wanted) {
          await page.goto("about:blank");
          await page.goto(`${server.url}?scene=${wanted === "locked" ? "full" : wanted}`);
          await page.locator("h1").first().waitFor();
          if (!["first", "locked"].includes(wanted)) {
            await page.locator("#password").fill(PASSWORD);
            await page.locator("main form button[type=submit]").click();
            await page.locator(".tabs").waitFor();
          }
          scene = wanted;
        }
        await page.evaluate((hash) => { location.hash = hash; }, hash);
        await see(page, texts[number], 8_000);
        if (prepare) await prepare(page);
        await page.waitForTimeout(150);
        await check(page, label);
        await page.screenshot({ path: join(out, `${label}.png`), fullPage: true });
        pictures += 1;
      } catch (error) {
        problems.push(`${label}: ${error.message.split("\n").slice(0, 12).join("\n  ")}`);
        scene = "";
      }
    }
  }
}
await close();
server.close();
for (const complaint of new Set(complaints)) problems.push(`console: ${complaint}`);
for (const problem of problems) console.log(problem);
console.log(`${pictures} pictures in ${out}, ${problems.length} problems`);
process.exit(problems.length ? 1 : 0);

// The DIDs of the fixture, which the address of a screen has in it.
async function people() {
  const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  const did = (number) => {
    const key = new Uint8Array(34).fill(0x5a);
    key.set([0xed, 0x01, number]);
    key[33] = (number * 37) % 256;
    let value = key.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
    let text = "";
    for (; value > 0n; value /= 58n) text = alphabet[Number(value % 58n)] + text;
    return `did:key:z${text}`;
  };
  return Object.fromEntries([2, 3, 4, 5, 6].map((number) => [String(number), did(number)]));
}
