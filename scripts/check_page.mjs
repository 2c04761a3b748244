// Drives the chat page of `ecq serve` in headless Chromium, with the keyboard only, and writes screenshots.
//
//     node scripts/check_page.mjs ECQ FOLDER [MODEL] [AXE]
//
// Needs Node 22 (20 with --experimental-websocket) and Chromium. MODEL is the embedded one by default; AXE is
// the file axe.min.js of the npm package axe-core, whose serious findings are errors.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const [ecq, folder, model, axe] = process.argv.slice(2);
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const own = !model;
mkdirSync(folder, { recursive: true });

const check = (fine, what) => {
  if (!fine) throw new Error(what);
  console.log(`ok: ${what}`);
};
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Returns the first match of a line that a program prints. */
function line(stream, pattern) {
  return new Promise((done, failed) => {
    const lines = createInterface({ input: stream });
    lines.on("line", (text) => pattern.test(text) && done(pattern.exec(text)[1]));
    lines.on("close", () => failed(new Error(`no ${pattern}`)));
  });
}

/** A connection to a page of Chromium (DevTools protocol). */
class Page {
  constructor(socket) {
    this.socket = socket;
    this.next = 1;
    this.waiting = new Map();
    this.problems = [];
    socket.onmessage = ({ data }) => {
      const { id, result, error, method, params } = JSON.parse(data);
      if (id) this.waiting.get(id)(error ? Promise.reject(new Error(error.message)) : result);
      const kind = method === "Log.entryAdded" && params.entry.level;
      if (kind === "error" && !params.entry.text.includes("401")) this.problems.push(params.entry.text);
      if (method === "Runtime.exceptionThrown") this.problems.push(params.exceptionDetails.text);
      if (method === "Network.requestWillBeSent") this.last = params.request.url;
    };
  }
  send(method, params = {}) {
    const id = this.next++;
    this.socket.send(JSON.stringify({ id, method, params }));
    return new Promise((done) => this.waiting.set(id, done));
  }
  async value(expression) {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      expression, awaitPromise: true, returnByValue: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception.description);
    return result.value;
  }
  async until(expression, what) {
    for (let i = 0; i < 600; i++) {
      if (await this.value(expression)) return console.log(`ok: ${what}`);
      await sleep(100);
    }
    throw new Error(`not within a minute: ${what}`);
  }
  async type(text) {
    await this.send("Input.insertText", { text });
  }
  async key(key, code, text) {
    await this.send("Input.dispatchKeyEvent", { type: "keyDown", key, windowsVirtualKeyCode: code, text });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", key, windowsVirtualKeyCode: code });
  }
  async screenshot(name, width, height, scheme) {
    const size = { width, height, deviceScaleFactor: 1, mobile: false };
    await this.send("Emulation.setDeviceMetricsOverride", size);
    await this.value(`theme(${JSON.stringify(scheme)})`);
    await sleep(200);
    const { data } = await this.send("Page.captureScreenshot", { format: "png" });
    writeFileSync(join(folder, `${name}.png`), Buffer.from(data, "base64"));
  }
}

const arguments_ = [model || join(root, "crates/ecq-cli/assets/tiny.ecq"), "--port", "0", "--json"];
if (own) arguments_.push("--chat-template", join(root, "scripts/chatml.jinja"));
const server = spawn(ecq, ["serve", ...arguments_], { stdio: ["ignore", "pipe", "inherit"] });
const profile = mkdtempSync(join(tmpdir(), "ecq-page-"));
const browser = spawn(process.env.CHROMIUM ?? "chromium", [
  "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", `--user-data-dir=${profile}`,
  "about:blank",
], { stdio: ["ignore", "ignore", "pipe"] });
try {
  const url = await line(server.stdout, /"url":"([^"]+)"/);
  const port = new URL(await line(browser.stderr, /listening on (ws:\S+)/)).port;
  const targets = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json();
  const target = targets.find((target) => target.type === "page");
  const socket = new WebSocket(target.webSocketDebuggerUrl);
  await new Promise((done) => { socket.onopen = done; });
  const page = new Page(socket);
  for (const domain of ["Page", "Runtime", "Log", "Network"]) await page.send(`${domain}.enable`);
  await page.send("Page.navigate", { url });
  const listed = "document.readyState === 'complete' && $('model')?.value !== ''";
  await page.until(listed, "the page lists the model");
  await page.value("window.q = (selector) => document.querySelector(selector)");
  check(await page.value("document.activeElement.id") === "prompt", "the message has the focus");
  check(await page.value("q('#memory').textContent.includes('Mode ')"), "mode and memory are shown");

  await page.value("q('#max_tokens').value = 40; q('#seed').value = 1");
  await page.type("Write a **list**.");
  await page.key("Enter", 13, "\r");
  await page.until("!running && messages.length === 2", "Enter sends, the answer ends");
  check(await page.value("q('article .facts').textContent.includes('tokens')"), "speed is shown");
  check(await page.value("q('.user strong').textContent") === "list", "markdown is shown");
  check(await page.value("q('#spoken').textContent.startsWith('Answer: ')"), "the answer is announced");

  // A second turn has the first one in its messages.
  await page.type("And then?");
  await page.key("Enter", 13, "\r");
  await page.until("!running && messages.length === 4", "a second turn");

  // Escape stops a long answer.
  await page.value("q('#max_tokens').value = 4000");
  await page.type("More");
  await page.key("Enter", 13, "\r");
  const writing = "running && q('article:last-child .body').textContent.length > 20";
  await page.until(writing, "a long answer is written");
  check(await page.value("!q('#stop').hidden"), "the stop button is shown");
  await page.key("Escape", 27);
  await page.until("!running", "Escape stops");

  // Text of models is never markup.
  const text = [
    "# Title", "<img src=x onerror=alert(1)> and <b>bold</b>", "", "1. one", "2. two `code`", "", "```rust",
    "fn main() { println!(\"<script>\"); }", "```", "*End*",
  ];
  await page.value(`add("assistant", ${JSON.stringify(text.join("\n"))})`);
  check(await page.value("!q('#log img, #log b')"), "no markup of models is interpreted");
  check(await page.value("q('.code code').textContent.includes('<script>')"), "code is shown as it is");

  if (axe) {
    await page.value(readFileSync(axe, "utf8"));
    for (const scheme of ["light", "dark"]) {
      await page.value(`theme("${scheme}")`);
      const describe = "(v) => `${v.impact}: ${v.id}: ${v.nodes.map((n) => n.html).join(' | ')}`";
      const found = await page.value(`axe.run().then((r) => r.violations.map(${describe}))`);
      found.forEach((finding) => console.log(finding));
      const serious = found.filter((finding) => /^(serious|critical)/.test(finding));
      check(serious.length === 0, `axe has no serious findings (${scheme})`);
    }
  }
  await page.screenshot("light", 1200, 800, "light");
  await page.screenshot("dark", 1200, 800, "dark");
  await page.screenshot("narrow", 390, 800, "light");
  const fits = "document.documentElement.scrollWidth <= 390";
  check(await page.value(fits), "nothing is wider than a narrow window");

  // An error is shown and announced.
  await page.value("q('#new').click(); q('#temperature').value = -3");
  await page.type("Hi");
  await page.key("Enter", 13, "\r");
  const shown = "q('[role=alert]')?.textContent.includes('temperature is -3')";
  await page.until(shown, "errors are shown");
  const problems = page.problems.filter((text) => !text.includes("400"));
  check(problems.length === 0, `no errors on the console ${problems}`);
  check(page.last.startsWith(url), "no requests to other servers");
} finally {
  const ended = browser.exitCode === null && new Promise((done) => browser.once("exit", done));
  browser.kill();
  server.kill("SIGTERM");
  await ended;
  try {
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
  } catch (error) {
    // Processes of the browser that outlive it may still write; the page is not at fault.
    console.log(`note: ${profile} could not be removed: ${error.message}`);
  }
}
