// The shots as a strip of pictures, and which of them are shown.

import * as talk from "./talk.js";

const strip = document.getElementById("strip");
const none = document.getElementById("none");
let filter = "";
let tiles = [];
let choose = () => {};

export const middle = (shot) => Math.floor((shot.start + shot.stop) / 2);

export const isEdited = (shot) =>
  Boolean(shot.strokes?.length || shot.stills || Object.keys(shot.chosen || {}).length);

export function begin(chosen) {
  choose = chosen;
  for (const button of document.querySelectorAll("[data-filter]")) {
    button.addEventListener("click", () => {
      filter = button.dataset.filter;
      for (const each of document.querySelectorAll("[data-filter]")) {
        each.setAttribute("aria-pressed", String(each === button));
      }
      sift();
    });
  }
}

function made(shape) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  const tile = document.createElement("span");
  tile.className = "tile";
  tile.style.aspectRatio = shape;
  const pictures = ["before", "after"].map((kind) => {
    const picture = document.createElement("img");
    picture.className = kind;
    picture.loading = "lazy";
    picture.alt = "";
    picture.decoding = "async";
    tile.append(picture);
    return picture;
  });
  const row = document.createElement("span");
  row.className = "row";
  const number = document.createElement("b");
  const time = document.createElement("span");
  row.append(number, time);
  const marks = document.createElement("span");
  marks.className = "marks";
  button.append(tile, row, marks);
  item.append(button);
  const made = { item, button, pictures, number, time, marks, shot: null };
  button.addEventListener("click", () => choose(tiles.indexOf(made)));
  strip.append(item);
  return made;
}

// Shows the shots; only what has changed is touched.
export function show(shots, shape) {
  while (tiles.length > shots.length) tiles.pop().item.remove();
  while (tiles.length < shots.length) tiles.push(made(shape));
  shots.forEach((shot, index) => {
    const tile = tiles[index];
    const frame = middle(shot);
    const [before, after] = tile.pictures;
    const was = tile.shot;
    if (!was || middle(was) !== frame) before.src = talk.thumb("before", frame);
    if (!was || middle(was) !== frame || was.key !== shot.key) {
      after.src = talk.thumb("after", frame, shot.key);
    }
    tile.shot = shot;
    const marks = [...(shot.marks || []), ...(isEdited(shot) ? ["edited"] : [])].join(", ");
    const name = `Shot ${index + 1}`;
    if (tile.number.textContent !== name) tile.number.textContent = name;
    if (tile.time.textContent !== shot.time) tile.time.textContent = shot.time;
    if (tile.marks.textContent !== marks) tile.marks.textContent = marks;
  });
  sift();
}

function fits(shot) {
  if (!filter) return true;
  return filter === "edited" ? isEdited(shot) : (shot.marks || []).includes(filter);
}

function sift() {
  let shown = 0;
  for (const tile of tiles) {
    tile.item.hidden = !fits(tile.shot);
    shown += tile.item.hidden ? 0 : 1;
  }
  none.hidden = shown > 0 || tiles.length === 0;
}

export function current(index) {
  tiles.forEach((tile, each) => {
    if (each === index) {
      tile.button.setAttribute("aria-current", "true");
      tile.item.scrollIntoView({ block: "nearest", inline: "nearest" });
    } else {
      tile.button.removeAttribute("aria-current");
    }
  });
}

// The next shot that is shown, in a direction.
export function beside(index, step) {
  for (let each = index + step; each >= 0 && each < tiles.length; each += step) {
    if (!tiles[each].item.hidden) return each;
  }
  return index;
}
