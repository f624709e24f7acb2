// A camera beside the classes that are collected with it; what has been collected is what the server says.
import { make } from "../shared/element.js";
import { mounted } from "../shared/mount.js";
import { theme } from "../shared/theme.js";
import { Camera, HIDDEN, square } from "./camera.js";
import { holdable } from "./hold.js";
import { Outbox } from "./outbox.js";

const RATE = 200; // ms from one frame to the next
const LOOK = 400; // ms from one look at whether the camera can be seen to the next
const CAMERAS = new WeakMap();

export default function (args) {
  return mounted(CAMERAS, args, build, update);
}

function build(root) {
  const self = { rows: new Map(), data: null, taking: null };
  const mount = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
  self.outbox = new Outbox((message) => self.trigger("told", message), () => performance.now(), mount);
  self.video = make("video", { playsinline: true, muted: true, "aria-label": "Live view of the camera" });
  self.video.muted = true;
  self.start = make("button", { type: "button", class: "start", onclick: () => toggle(self) }, "Start the camera");
  self.which = make("select", { "aria-label": "Camera", hidden: true, onchange: () => self.camera.start(self.which.value) });
  self.words = make("p", { class: "say", role: "status" });
  self.list = make("div", { class: "classes" });
  const add = make("button", { type: "button", onclick: () => self.outbox.put({ do: "add" }) }, "Add a class");
  const stage = make("div", { class: "square" }, self.video);
  const left = make("div", { class: "look" }, stage, make("div", { class: "acts" }, self.start, self.which), self.words);
  self.element = make("div", { class: "lab camera" }, make("div", { class: "body" }, left, make("div", {}, self.list, add)));
  root.append(self.element);
  self.camera = new Camera(window.isSecureContext ? window.navigator.mediaDevices : undefined, self.video, () => show(self));
  self.canvas = document.createElement("canvas");
  const hidden = () => { if (document.hidden) leave(self); };
  document.addEventListener("visibilitychange", hidden);
  const looking = window.setInterval(() => {
    self.outbox.again();
    if (!self.element.checkVisibility?.({ visibilityProperty: true })) leave(self); // another tab of the page, or a shut box
  }, LOOK);
  self.end = () => {
    window.clearInterval(looking);
    document.removeEventListener("visibilitychange", hidden);
    release(self);
    self.camera.stop();
  };
  return self;
}

function update(self, data) {
  self.data = data;
  self.outbox.heard(data);
  theme(self.element);
  draw(self);
  show(self);
}

function toggle(self) {
  if (self.camera.stream) self.camera.tell("");
  else self.camera.start();
}

/** Nobody can see the camera any more: it is closed. */
function leave(self) {
  release(self);
  if (self.camera.stream || self.camera.opening) self.camera.tell(HIDDEN);
}

/** The rows of the classes: those that are there stay, so that what is held or typed in them goes on. */
function draw(self) {
  const there = new Set(self.data.classes.map((one) => one.id));
  for (const [ident, row] of self.rows)
    if (!there.has(ident)) {
      if (self.taking === ident) release(self);
      row.element.remove();
      self.rows.delete(ident);
    }
  for (const one of self.data.classes) {
    if (!self.rows.has(one.id)) self.rows.set(one.id, rowOf(self, one.id));
    const row = self.rows.get(one.id);
    if (row.element.parentNode !== self.list) self.list.append(row.element);
    fill(self, row, one);
  }
}

function rowOf(self, ident) {
  const row = { drawn: "" };
  const rename = () => {
    const { name } = self.data.classes.find((one) => one.id === ident);
    if (row.name.value !== name) self.outbox.put({ do: "rename", class: ident, name: row.name.value });
  };
  row.name = make("input", { type: "text", class: "name", maxlength: 60, autocomplete: "off", onchange: rename });
  row.name.addEventListener("keydown", (event) => {
    if (event.key === "Enter") row.hold.focus(); // which says the name, too
    event.stopPropagation(); // letters are no shortcuts of the page
  });
  row.hold = make("button", { type: "button", class: "hold" }, "Hold to collect");
  row.count = make("output", {});
  row.drop = make("button", { type: "button", class: "drop", onclick: () => self.outbox.put({ do: "drop", class: ident }) }, "Delete");
  row.strip = make("div", { class: "strip" });
  row.up = holdable(row.hold, () => take(self, ident), () => release(self));
  row.element = make("div", { class: "class" }, make("div", { class: "head" }, row.name, row.hold, row.count, row.drop), row.strip);
  return row;
}

function fill(self, row, one) {
  if (row.element.getRootNode().activeElement !== row.name || self.data.refused) row.name.value = one.name;
  row.name.setAttribute("aria-label", `Name of ${one.name}`);
  row.hold.setAttribute("aria-label", `Hold to collect ${one.name}`);
  row.drop.setAttribute("aria-label", `Delete ${one.name}`);
  const drawn = `${one.name} ${one.last.map(({ id }) => id)}`;
  if (row.drawn === drawn) return;
  row.drawn = drawn;
  const tiles = one.last.map(({ id, source }, i) => {
    const label = `Delete frame ${one.count - i} of ${one.name}`;
    const remove = () => self.outbox.put({ do: "remove", class: one.id, frame: id });
    return make("button", { type: "button", title: label, "aria-label": label, onclick: remove }, make("img", { src: source, alt: "" }));
  });
  row.strip.replaceChildren(...tiles);
}

/** What depends on the camera, and the numbers. */
function show(self) {
  const { camera, outbox, data } = self;
  self.start.textContent = camera.stream ? "Stop the camera" : "Start the camera";
  self.start.disabled = camera.opening;
  self.video.classList.toggle("mirrored", camera.mirrored !== false);
  self.which.hidden = camera.devices.length < 2;
  self.which.replaceChildren(...camera.devices.map((one, i) => make("option", { value: one.deviceId, selected: one.deviceId === camera.device }, one.label || `Camera ${i + 1}`)));
  if (!data) return;
  for (const one of data.classes) {
    const row = self.rows.get(one.id), count = one.count + outbox.waiting(one.id);
    row.hold.disabled = !camera.stream || data.full;
    row.hold.classList.toggle("held", self.taking === one.id);
    row.count.textContent = `${count} ${count === 1 ? "frame" : "frames"}, ${one.bursts} ${one.bursts === 1 ? "burst" : "bursts"}`;
  }
  const off = camera.opening ? "The browser asks for the camera." : camera.words;
  self.words.textContent = data.refused || off || (data.full ? "There is no room for more frames; save them, or delete some." : "");
}

function take(self, ident) {
  release(self);
  self.taking = ident;
  const shoot = () => {
    if (!self.camera.stream || self.data.full) return release(self);
    if (!self.camera.ready || self.outbox.crowded) return show(self);
    const { side } = self.data, { video, canvas } = self;
    if (video.currentTime === self.seen) return undefined; // the picture that was taken last
    self.seen = video.currentTime;
    canvas.width = canvas.height = side;
    const [left, top, edge] = square(video.videoWidth, video.videoHeight), context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(video, left, top, edge, edge, 0, 0, side, side);
    const image = canvas.toDataURL("image/jpeg", 0.95).split(",")[1];
    self.outbox.put({ do: "frame", class: ident, at: performance.now() / 1000, image });
    return show(self);
  };
  self.clock = window.setInterval(shoot, RATE);
  shoot();
}

function release(self) {
  window.clearInterval(self.clock);
  if (self.taking === null) return;
  const row = self.rows.get(self.taking);
  self.taking = null;
  row?.up();
  if (self.data) show(self);
}
