// One shot large: its frames, before and after, zoom, and what is selected in the picture.

import * as talk from "./talk.js";

const byId = (name) => document.getElementById(name);
const stage = byId("stage"), inner = byId("inner"), over = byId("over");
const mark = byId("mark");
const told = byId("told");

let size = { width: 4, height: 3 };
let reach = "thing";
let selected = () => {};
let showing = null; // {frame, key}
let exact = false;
let wanted = null;
let loading = false;
let address = "";
let point = { x: 0.5, y: 0.5 };
let drag = null;
let line = null; // points of the stroke that is drawn, px of the film
const MOST_POINTS = 64; // of a stroke, as the server takes them

export const shown = () => showing;
export const setReach = (value) => { reach = value; line = null; };
export const tell = (text) => { if (told.textContent !== text) told.textContent = text; };

export function begin(film, onSelect) {
  size = film;
  selected = onSelect;
  over.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
  document.documentElement.style.setProperty("--shape", `${size.width} / ${size.height}`);
  document.documentElement.style.setProperty("--ratio", String(size.width / size.height));
  stage.addEventListener("pointerdown", press);
  stage.addEventListener("pointermove", move);
  stage.addEventListener("pointerup", release);
  stage.addEventListener("keydown", key);
  stage.addEventListener("focus", () => { if (stage.matches(":focus-visible")) showMark(); });
  stage.addEventListener("blur", () => mark.setAttribute("hidden", ""));
  byId("zoom").addEventListener("change", (event) => {
    inner.style.setProperty("--zoom", event.target.value);
  });
}

// Shows a frame as soon as those that were asked for before have come; the last one wins.
export function show(frame, keyOfShot) {
  wanted = { frame, key: keyOfShot };
  if (!loading) load();
}

// The frame that is shown is there as a run would have it.
export function settled(frame, keyOfShot) {
  if (showing && !exact && showing.frame === frame && showing.key === keyOfShot) show(frame, keyOfShot);
}

async function load() {
  loading = true;
  while (wanted) {
    const { frame, key: keyOfShot } = wanted;
    wanted = null;
    try {
      const grey = byId("before");
      if (!showing || showing.frame !== frame) grey.src = talk.before(frame);
      const found = await talk.picture(frame, keyOfShot);
      const picture = byId("after");
      const next = URL.createObjectURL(found.blob);
      const ready = new Image();
      ready.src = next;
      await Promise.all([ready.decode(), grey.decode()].map((each) => each.catch(() => {})));
      picture.src = next;
      if (address) URL.revokeObjectURL(address);
      address = next;
      showing = { frame, key: keyOfShot };
      exact = found.exact;
      stage.dataset.frame = String(frame);
      stage.dataset.key = keyOfShot;
      stage.dataset.exact = exact ? "1" : "0";
      stage.dispatchEvent(new CustomEvent("shown"));
    } catch (error) {
      tell(error.message);
    }
  }
  loading = false;
}

function place(event) {
  const box = inner.getBoundingClientRect();
  return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
}

const inside = (at) => at.x >= 0 && at.y >= 0 && at.x < 1 && at.y < 1;
const clamp = (value) => Math.min(1, Math.max(0, value));
const px = (at) => ({
  x: Math.min(size.width - 1, Math.floor(at.x * size.width)),
  y: Math.min(size.height - 1, Math.floor(at.y * size.height)),
});

function press(event) {
  const at = place(event);
  if (event.button !== 0 || !inside(at)) return;
  point = at;
  if (reach === "box" || reach === "stroke") {
    drag = at;
    line = null;
    if (reach === "stroke") lengthen(at);
    stage.setPointerCapture(event.pointerId);
    event.preventDefault();
    stage.focus({ preventScroll: true });
  } else {
    select();
  }
}

function corners(one, two) {
  const [a, b] = [px(one), px(two)];
  return [Math.min(a.x, b.x), Math.min(a.y, b.y), Math.max(a.x, b.x) + 1, Math.max(a.y, b.y) + 1];
}

const ring = ([x0, y0, x1, y1]) => [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];

// One more point of the stroke. One that grows too long keeps every second of its points.
function lengthen(at) {
  const { x, y } = px({ x: clamp(at.x), y: clamp(at.y) });
  const last = line?.points.at(-1);
  if (last && Math.hypot(x - last[0], y - last[1]) < line.apart) return;
  line = line || { points: [], apart: Math.max(size.width, size.height) / 100 };
  line.points.push([x, y]);
  if (line.points.length > MOST_POINTS) {
    line = { points: line.points.filter((_, number) => number % 2 === 0), apart: 2 * line.apart };
  }
  outline(null);
  const drawn = `M${line.points.map((each) => each.join(" ")).join("L")}h.1`;
  byId("edge-out").setAttribute("d", drawn);
  byId("edge-in").setAttribute("d", drawn);
}

function move(event) {
  if (!drag) return;
  const at = place(event);
  if (reach === "stroke") {
    lengthen(at);
    return;
  }
  outline([ring(corners(drag, { x: clamp(at.x), y: clamp(at.y) }))]);
}

function release(event) {
  if (!drag) return;
  const at = place(event);
  if (reach === "stroke") {
    drag = null;
    if (showing) selected({ frame: showing.frame, points: line.points, color: null });
    return;
  }
  const box = corners(drag, { x: Math.min(0.9999, clamp(at.x)), y: Math.min(0.9999, clamp(at.y)) });
  drag = null;
  outline([ring(box)]);
  if (showing) selected({ frame: showing.frame, box, color: null });
}

// Selects what lies under the mark.
export async function select() {
  if (!showing) return;
  const at = px(point);
  const frame = showing.frame;
  if (reach === "stroke") {
    lengthen(point);
    selected({ frame, points: line.points, color: null });
    return;
  }
  if (reach === "box") {
    const half = { x: 0.05, y: 0.05 };
    const box = corners({ x: clamp(point.x - half.x), y: clamp(point.y - half.y) },
      { x: Math.min(0.9999, point.x + half.x), y: Math.min(0.9999, point.y + half.y) });
    outline([ring(box)]);
    selected({ frame, box, color: null });
    return;
  }
  try {
    const found = await talk.region(frame, at.x, at.y, reach);
    if (!showing || showing.frame !== frame) return;
    outline(found.outline);
    selected({ frame, ...found });
  } catch (error) {
    tell(error.message);
  }
}

// Draws the outline of what is selected; without one it is taken away.
export function outline(lines) {
  const path = (lines || []).map((line) => `M${line.map(([x, y]) => `${x} ${y}`).join("L")}Z`).join("");
  byId("edge-out").setAttribute("d", path);
  byId("edge-in").setAttribute("d", path);
  byId("dim").setAttribute("d", path ? `M0 0H${size.width}V${size.height}H0Z${path}` : "");
}

// Nothing is selected any more; the next stroke begins anew.
export function drop() {
  line = null;
  outline(null);
}

function showMark() {
  const at = px(point);
  const scale = size.width / inner.getBoundingClientRect().width;
  mark.setAttribute("transform", `translate(${at.x} ${at.y}) scale(${scale})`);
  mark.removeAttribute("hidden");
}

function key(event) {
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const step = steps[event.key];
  if (step && !event.ctrlKey && !event.metaKey) {
    const far = event.shiftKey ? 0.1 : 0.02;
    point = { x: Math.min(0.999, clamp(point.x + far * step[0])), y: Math.min(0.999, clamp(point.y + far * step[1])) };
    showMark();
  } else if (event.key === "Enter") {
    showMark();
    select();
  } else {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}
