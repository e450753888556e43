// Colours to choose from, what was said, and the settings of the shot or of the whole film.

const byId = (name) => document.getElementById(name);

const PRESETS = [
  ["Skin", "#c99274"], ["Khaki", "#9a8a5c"], ["Navy", "#2b3d66"], ["Foliage", "#5d7a3c"], ["Sky", "#86aed2"],
  ["Brick", "#96523f"], ["Wood", "#7d5c3e"], ["Gold", "#c9a648"], ["Wine", "#7c2236"],
];

function swatch(color, name, onChoose) {
  const button = document.createElement("button");
  button.type = "button";
  const spot = document.createElement("i");
  spot.style.setProperty("--own", color);
  button.append(spot);
  if (name) button.append(name);
  button.setAttribute("aria-label", name ? `${name}, ${color}` : color);
  button.title = color;
  button.addEventListener("click", () => onChoose(color));
  return button;
}

export const preset = (number) => PRESETS[number]?.[1];

export function begin(onColor) {
  byId("presets").append(...PRESETS.map(([name, color]) => swatch(color, name, onColor)));
  byId("swatches").classList.add("bare");
  const drop = byId("drop"), file = byId("file"), canvas = byId("reference");
  const show = async (blob) => {
    if (!blob || !blob.type.startsWith("image/")) return;
    const picture = await createImageBitmap(blob).catch(() => null);
    if (!picture) return;
    const scale = Math.min(1, 800 / Math.max(picture.width, picture.height));
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    canvas.getContext("2d", { willReadFrequently: true }).drawImage(picture, 0, 0, canvas.width, canvas.height);
    canvas.hidden = false;
  };
  file.addEventListener("change", () => show(file.files[0]));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    show(event.dataTransfer?.files[0]);
  });
  const spot = { x: 0.5, y: 0.5 };
  const take = () => {
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    const x = Math.min(canvas.width - 1, Math.floor(spot.x * canvas.width));
    const y = Math.min(canvas.height - 1, Math.floor(spot.y * canvas.height));
    const [red, green, blue] = pen.getImageData(x, y, 1, 1).data;
    onColor(hex(red, green, blue));
  };
  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    spot.x = (event.clientX - box.left) / box.width;
    spot.y = (event.clientY - box.top) / box.height;
    take();
  });
  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = steps[event.key];
    if (step) {
      spot.x = Math.min(0.999, Math.max(0, spot.x + 0.02 * step[0]));
      spot.y = Math.min(0.999, Math.max(0, spot.y + 0.02 * step[1]));
    } else if (event.key !== "Enter") {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    take();
  });
  drop.addEventListener("keydown", (event) => { if (event.key === "Enter") file.click(); });
  if ("EyeDropper" in window) {
    byId("dropper").hidden = false;
    byId("dropper").addEventListener("click", async () => {
      const found = await new window.EyeDropper().open().catch(() => null);
      if (found) onColor(found.sRGBHex);
    });
  }
}

export const hex = (...codes) => `#${codes.map((code) => Math.round(code).toString(16).padStart(2, "0")).join("")}`;

// The colours that a picture has most of: means of the fullest cells of a coarse grid of hues.
export function fromPicture(picture, onColor) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 48;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(picture, 0, 0, 48, 48);
  const codes = pen.getImageData(0, 0, 48, 48).data;
  const cells = new Map();
  for (let at = 0; at < codes.length; at += 4) {
    const [red, green, blue] = codes.subarray(at, at + 3);
    const light = (red + green + blue) / 3;
    if (light < 30) continue;
    const u = Math.round((red - light) / 12), v = Math.round((blue - light) / 12);
    const cell = cells.get(`${u} ${v}`) || [0, 0, 0, 0, Math.hypot(u, v)];
    cell[0] += red; cell[1] += green; cell[2] += blue; cell[3] += 1;
    cells.set(`${u} ${v}`, cell);
  }
  const most = [...cells.values()].filter((cell) => cell[3] > 6)
    .sort((one, two) => two[3] * (1 + two[4]) - one[3] * (1 + one[4])).slice(0, 10);
  const colors = most.map(([red, green, blue, count]) => hex(red / count, green / count, blue / count));
  byId("swatches").replaceChildren(...colors.map((color) => swatch(color, "", onColor)));
}

let drawn = "";

export function strokes(shot, mayWrite, onRemove, onGo) {
  const list = byId("strokes");
  const text = JSON.stringify([shot.strokes, mayWrite]);
  if (text === drawn) return;
  drawn = text;
  if (!shot.strokes?.length) {
    const item = document.createElement("li");
    item.className = "soft";
    item.textContent = "Nothing yet.";
    list.replaceChildren(item);
    return;
  }
  list.replaceChildren(...shot.strokes.map((stroke, number) => {
    const item = document.createElement("li");
    const spot = document.createElement("i");
    spot.style.setProperty("--own", stroke.color);
    const name = document.createElement("span");
    name.textContent = `${stroke.color} at frame ${stroke.frame - shot.start + 1}`;
    const go = document.createElement("button");
    go.type = "button";
    go.textContent = "Show";
    go.setAttribute("aria-label", `Show where ${stroke.color} was said`);
    go.addEventListener("click", () => onGo(stroke));
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "Remove";
    remove.setAttribute("aria-label", `Remove ${stroke.color}`);
    remove.disabled = !mayWrite;
    remove.addEventListener("click", () => onRemove(number));
    item.append(spot, name, go, remove);
    return item;
  }));
}

let listed = "";

// Things that have a colour of their own.
export function things(said, mayWrite, onRemove) {
  const text = JSON.stringify([said, mayWrite]);
  if (text === listed) return;
  listed = text;
  const items = said.map(({ name, color }) => {
    const item = document.createElement("li");
    const spot = document.createElement("i");
    spot.style.setProperty("--own", color);
    const words = document.createElement("span");
    words.textContent = `${color}, thing ${name}`;
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "Remove";
    remove.setAttribute("aria-label", `Remove ${color} from thing ${name}`);
    remove.disabled = !mayWrite;
    remove.addEventListener("click", () => onRemove(name));
    item.append(spot, words, remove);
    return item;
  });
  if (!items.length) {
    const item = document.createElement("li");
    item.className = "soft";
    item.textContent = "Nothing yet.";
    items.push(item);
  }
  byId("things").replaceChildren(...items);
}

const rows = new Map();

export function controls(film, onSet) {
  byId("controls").replaceChildren(...film.controls.map((control) => {
    const row = document.createElement("div");
    row.className = "control";
    const name = document.createElement("label");
    name.htmlFor = `control-${control.key}`;
    name.textContent = control.name;
    name.title = control.help;
    const side = document.createElement("span");
    side.className = "value";
    const value = document.createElement("span");
    const reset = document.createElement("button");
    reset.type = "button";
    reset.className = "reset";
    reset.textContent = "Reset";
    reset.setAttribute("aria-label", `Reset ${control.name}`);
    reset.addEventListener("click", () => onSet(control.key, null));
    side.append(value, reset);
    let input;
    if (control.kind === "choice") {
      input = document.createElement("select");
      input.append(...control.choices.map((each) => new Option(each, each)));
    } else {
      input = document.createElement("input");
      input.type = control.kind === "range" ? "range" : "checkbox";
      if (control.kind === "range") {
        Object.assign(input, { min: control.least, max: control.most, step: control.step });
        const range = document.createElement("small");
        range.id = `range-${control.key}`;
        range.textContent = `${shown(control.least)} to ${shown(control.most)}, usually ${shown(control.default)}`;
        row.append(range);
        input.setAttribute("aria-describedby", range.id);
        input.addEventListener("input", () => { value.textContent = shown(Number(input.value)); });
      }
    }
    input.id = `control-${control.key}`;
    input.addEventListener("change", () => {
      const given = { range: () => Number(input.value), choice: () => input.value, switch: () => input.checked };
      onSet(control.key, given[control.kind]());
    });
    if (control.kind === "switch") {
      name.prepend(input);
      row.append(name, side);
    } else {
      row.prepend(name, side, input);
    }
    rows.set(control.key, { control, input, value, reset });
    return row;
  }));
}

const shown = (value) => (typeof value === "number" ? String(Math.round(value * 100) / 100) : String(value));

// Shows the settings of a shot (own), or of the film (then there is nothing above).
export function settings(own, above, mayWrite) {
  for (const [key, { control, input, value, reset }] of rows) {
    const isOwn = own[key] !== undefined;
    const now = own[key] ?? above[key] ?? control.default;
    if (document.activeElement !== input || control.kind !== "range" || !input.matches(":active")) {
      if (control.kind === "switch") input.checked = now;
      else {
        if (control.kind === "choice" && ![...input.options].some((each) => each.value === now)) {
          input.append(new Option(now, now));
        }
        input.value = now;
      }
      value.textContent = control.kind !== "range" ? (isOwn ? "set" : "") : shown(now);
    }
    value.style.fontWeight = isOwn ? "700" : "400";
    input.disabled = !mayWrite;
    reset.hidden = !isOwn;
    reset.disabled = !mayWrite;
  }
}
