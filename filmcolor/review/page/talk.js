// What the page asks of the server, and what it says to it. Nothing else is asked of anybody.

export const page = crypto.randomUUID ? crypto.randomUUID() : String(Math.random());

async function answer(response) {
  const values = await response.json().catch(() => ({}));
  if (!response.ok) {
    const error = new Error(values.error || `The server answered ${response.status}.`);
    error.status = response.status;
    throw error;
  }
  return values;
}

const asked = async (path) => answer(await fetch(path, { cache: "no-store" }));

const said = async (path, values) => answer(await fetch(path, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ page, ...values }),
}));

export const film = () => asked("api/film");
export const state = (seen) => asked(`api/state?page=${page}&seen=${seen}`);
export const region = (frame, x, y, reach) =>
  asked(`api/region?frame=${frame}&x=${x.toFixed(1)}&y=${y.toFixed(1)}&reach=${reach}`);
export const look = (frame) => said("api/look", { frame });
export const change = (values) => said("api/change", values);
export const render = (what, replace) => said("api/render", { do: what, replace });

// The page is closed: another one may write then.
export function leave() {
  fetch("api/leave", {
    method: "POST", keepalive: true, headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ page }),
  }).catch(() => {});
}

// A frame in colour, and whether it is as a run would have it.
export async function picture(frame, key) {
  const response = await fetch(`picture/after/${frame}?key=${key}`);
  if (!response.ok) await answer(response);
  return { blob: await response.blob(), exact: response.headers.get("X-Exact") === "1" };
}

export const before = (frame) => `picture/before/${frame}?key=0`;
export const thumb = (kind, frame, key) => `thumb/${kind}/${frame}?key=${key || 0}`;
