// The page: what is shown follows from the state of the server; what is done goes there.

import * as talk from "./talk.js";
import * as strip from "./strip.js";
import * as view from "./view.js";
import * as panel from "./panel.js";

const byId = (name) => document.getElementById(name);

let film = null;
let state = { version: 0, shots: [], film: {} };
let shot = 0;
let frame = null;
let selection = null;
let scope = "shot";
let playing = false;
let showMode = "after";
let looked = 0;

const mayWrite = () => !state.reads && state.finding?.whole && state.shots[0]?.key;
const now = () => state.shots[shot];
const pressed = (name, chosen) => {
  for (const each of document.querySelectorAll(`[data-${name}]`)) {
    each.setAttribute("aria-pressed", String(each.dataset[name] === chosen));
  }
};

async function main() {
  film = await talk.film();
  document.title = `${film.name} - filmcolor review`;
  byId("name").textContent = film.name;
  byId("plan").textContent = film.plan;
  byId("command").textContent = film.command;
  view.begin(film, select);
  strip.begin((index) => goTo(index));
  panel.begin(give);
  panel.controls(film, set);
  buttons();
  keys();
  follow();
}

// Waits for the server's next state, for as long as the page is open.
async function follow() {
  for (;;) {
    try {
      take(await talk.state(state.version));
      banner();
    } catch (error) {
      banner(error.status ? error.message : "filmcolor does not answer: was it ended? Everything said is in the plan.");
      await new Promise((done) => setTimeout(done, 1000));
    }
  }
}

function banner(text) {
  const said = text || state.reads || state.error || "";
  byId("banner").hidden = !said;
  if (byId("banner").textContent !== said) byId("banner").textContent = said;
}

function take(next) {
  const key = now()?.key;
  state = next;
  const found = state.finding;
  const share = found.total ? ` ${Math.min(99, Math.floor((100 * found.done) / found.total))} %` : "";
  byId("finding").textContent = found.whole ? `${state.shots.length} shots` : `finding shots${share}`;
  strip.show(state.shots, `${film.width} / ${film.height}`);
  if (state.shots.length && frame === null) goTo(0);
  else if (state.shots.length) {
    const at = state.shots.findIndex((each) => frame >= each.start && frame < each.stop);
    if (at >= 0) shot = at;
    if (now() && now().key !== key) view.show(frame, now().key);
    else if (state.exact) view.settled(state.exact.frame, state.exact.key);
  }
  rendering();
  refresh();
}

function refresh() {
  const own = now();
  byId("undo").disabled = !mayWrite() || !state.undo;
  byId("redo").disabled = !mayWrite() || !state.redo;
  byId("undo").title = state.undo ? `Undo (Ctrl+Z): ${state.undo}` : "Undo (Ctrl+Z)";
  byId("redo").title = state.redo ? `Redo (Ctrl+Shift+Z): ${state.redo}` : "Redo (Ctrl+Shift+Z)";
  for (const name of ["give", "grey"]) byId(name).disabled = !mayWrite() || !selection;
  byId("keep").disabled = !mayWrite() || !selection?.color;
  byId("clear").disabled = !selection;
  if (!own) return;
  const isShot = scope === "shot";
  panel.settings(isShot ? own.chosen || {} : state.film, isShot ? state.film : {}, mayWrite());
  panel.strokes(own, mayWrite(), (number) => change({ unstroke: { shot: own.entry, number } }), showStroke);
  panel.things(state.things || [], mayWrite(), (name) => change({ thing: { name, color: null } }));
  strip.current(shot);
  const slider = byId("frame");
  slider.min = own.start;
  slider.max = Math.max(own.start, own.stop - 1);
  slider.value = frame;
  const text = `Shot ${shot + 1}, frame ${frame - own.start + 1} of ${own.stop - own.start}`;
  if (byId("time").textContent !== text) byId("time").textContent = text;
}

function goTo(index, at) {
  if (!state.shots[index]) return;
  shot = index;
  seek(at ?? strip.middle(now()));
}

function seek(to) {
  const own = now();
  if (!own) return;
  const next = Math.min(own.stop - 1, Math.max(own.start, to));
  if (next !== frame) deselect();
  frame = next;
  view.show(frame, own.key);
  clearTimeout(looked);
  looked = setTimeout(() => talk.look(frame).catch(() => {}), playing ? 1000 : 120);
  refresh();
}

function select(found) {
  selection = found;
  const part = found.box ? "A box" : found.share === undefined ? "A stroke" : `${Math.max(1, Math.round(100 * found.share))} % of the picture`;
  const shots = found.thing && found.shots > 1 ? ` It is seen in ${found.shots} shots: the colour holds in all.` : "";
  byId("selected").textContent = found.thing ? `A thing, ${part}, now ${found.color}.${shots}` : found.color ? `${part}, now ${found.color}. Choose its colour.` : `${part}. Choose its colour.`;
  refresh();
}

function deselect() {
  if (!selection) return;
  selection = null;
  view.drop();
  byId("selected").textContent = "Click on the picture.";
  refresh();
}

function showStroke(stroke) {
  frame = null;
  seek(stroke.frame);
  const ring = stroke.box
    ? [[stroke.box[0], stroke.box[1]], [stroke.box[2], stroke.box[1]], [stroke.box[2], stroke.box[3]], [stroke.box[0], stroke.box[3]]]
    : null;
  const spots = (stroke.points || []).map(([x, y]) => [[x - 5, y], [x, y - 5], [x + 5, y], [x, y + 5]]);
  view.outline(ring ? [ring] : spots);
}

async function change(what) {
  if (!mayWrite()) return;
  try {
    const { done } = await talk.change({ ...what, mark: state.mark });
    view.tell(done);
  } catch (error) {
    view.tell(error.message);
  }
}

function stroke(color, why) {
  if (!selection) return;
  if (selection.thing) {
    const name = selection.thing;
    deselect();
    change({ thing: { name, color } });
    return;
  }
  const shape = selection.box ? { box: selection.box } : { points: selection.points };
  const said = { frame: selection.frame, color, ...shape, ...(why ? { why } : {}) };
  deselect();
  change({ stroke: said });
}

// A colour is chosen: what is selected gets it.
function give(color) {
  byId("color").value = color;
  stroke(color);
}

const set = (key, value) => change({ set: { shot: scope === "shot" ? now().entry : 0, key, value } });
const grey = () => stroke("#808080", "grey");
const keep = () => { if (selection?.color) stroke(selection.color, "keep"); };
const undo = () => change({ undo: true });
const redo = () => change({ redo: true });

function mode(next) {
  showMode = next;
  const names = { before: "before-only", both: "both", after: "after-only" };
  document.body.classList.remove(...Object.values(names));
  document.body.classList.add(names[next]);
  byId("cutting").hidden = next !== "both";
  byId("stage").style.setProperty("--cut", next === "both" ? `${byId("cut").value}%` : { before: "100%", after: "0%" }[next]);
  pressed("show", next);
}

async function play() {
  playing = !playing;
  byId("play").textContent = playing ? "Pause" : "Play";
  byId("play").setAttribute("aria-pressed", String(playing));
  const wait = 1000 / film.rate;
  let due = performance.now();
  while (playing) {
    const come = new Promise((done) => byId("stage").addEventListener("shown", done, { once: true }));
    const own = now();
    seek(frame + 1 >= own.stop ? own.start : frame + 1);
    due = Math.max(due + wait, performance.now() - 200);
    await Promise.race([come, new Promise((done) => setTimeout(done, 3000))]);
    await new Promise((done) => setTimeout(done, Math.max(0, due - performance.now())));
  }
}

function rendering() {
  const now = state.rendering;
  const runs = now.status === "running";
  byId("rendering").hidden = now.status === "idle";
  byId("stop").hidden = !runs;
  byId("progress").hidden = !runs;
  byId("render").disabled = !mayWrite() || runs;
  const bar = byId("progress");
  if (now.total) { bar.max = now.total; bar.value = now.done; } else { bar.removeAttribute("value"); }
  const count = runs && now.total ? `: ${now.done} of ${now.total} frames` : "";
  const text = `${now.what}${count}`;
  if (byId("rendered").textContent !== text) byId("rendered").textContent = text;
}

async function render() {
  let replace = false;
  if (state.rendering.replaces) {
    const sure = byId("sure");
    byId("sure-text").textContent = `${film.target} is there already. Parts that were not touched are not made again.`;
    sure.returnValue = "";
    sure.showModal();
    await new Promise((done) => sure.addEventListener("close", done, { once: true }));
    if (sure.returnValue !== "yes") return;
    replace = true;
  }
  try {
    await talk.render("start", replace);
  } catch (error) {
    view.tell(error.message);
  }
}

function buttons() {
  const clicks = {
    undo, redo, render, grey, keep, clear: deselect, play,
    give: () => stroke(byId("color").value),
    back: () => seek(frame - 1),
    next: () => seek(frame + 1),
    stop: () => talk.render("stop", false).catch((error) => view.tell(error.message)),
    keys: () => byId("help").showModal(),
  };
  for (const [name, action] of Object.entries(clicks)) byId(name).addEventListener("click", action);
  byId("frame").addEventListener("input", (event) => seek(Number(event.target.value)));
  byId("cut").addEventListener("input", () => mode("both"));
  for (const button of document.querySelectorAll("[data-show]")) {
    button.addEventListener("click", () => mode(button.dataset.show));
  }
  for (const button of document.querySelectorAll("[data-reach]")) {
    button.addEventListener("click", () => { deselect(); view.setReach(button.dataset.reach); pressed("reach", button.dataset.reach); });
  }
  for (const button of document.querySelectorAll("[data-scope]")) {
    button.addEventListener("click", () => { scope = button.dataset.scope; pressed("scope", scope); refresh(); });
  }
  byId("stage").addEventListener("shown", () => {
    if (!playing) panel.fromPicture(byId("after"), give);
  });
  byId("after").addEventListener("load", () => { if (!playing) panel.fromPicture(byId("after"), give); });
  mode("after");
  window.addEventListener("pagehide", talk.leave);
}

function keys() {
  const actions = {
    "[": () => goTo(strip.beside(shot, -1)), "]": () => goTo(strip.beside(shot, 1)),
    ",": () => seek(frame - 1), ".": () => seek(frame + 1), " ": play,
    b: () => mode(showMode === "before" ? "after" : "before"),
    p: () => byId("stage").focus(), g: () => stroke(byId("color").value), k: keep, 0: grey,
    Escape: deselect, "?": () => byId("help").showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.ctrlKey || event.metaKey) {
      if (name === "z" || name === "y") {
        event.preventDefault();
        if (name === "y" || event.shiftKey) redo(); else undo();
      }
      return;
    }
    const target = event.target;
    const types = target.matches("input:not([type=range]):not([type=checkbox]), select, textarea");
    if (event.altKey || (types && name !== "Escape")) return;
    if (name === " " && target.matches("button, input, summary, a")) return;
    const color = /^[1-9]$/.test(name) ? panel.preset(Number(name) - 1) : null;
    const action = color ? () => give(color) : actions[name];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

main().catch((error) => banner(error.message));
