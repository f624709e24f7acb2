// The camera is closed whenever nobody looks, messages arrive once each, and a button knows when it is held.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Camera, ENDED, reason, square } from "../../cnnviz/ui/components/camera/camera.js";
import { holdable } from "../../cnnviz/ui/components/camera/hold.js";
import { BATCH, Outbox, PATIENCE, WAITING } from "../../cnnviz/ui/components/camera/outbox.js";

class Track {
  stopped = false;
  stop() { this.stopped = true; }
  getSettings() { return { deviceId: this.id, facingMode: this.facing }; }
}

/** A browser's media devices; `tracks` are all that were ever handed out. */
function machine({ fails = "", facing = undefined, cameras = ["one"] } = {}) {
  const tracks = [], asked = [];
  return {
    tracks,
    asked,
    async getUserMedia(wanted) {
      asked.push(wanted);
      await null;
      if (fails) throw Object.assign(new Error("no"), { name: fails });
      const track = Object.assign(new Track(), { id: wanted.video.deviceId?.exact ?? cameras[0], facing });
      tracks.push(track);
      return { getTracks: () => [track], getVideoTracks: () => [track] };
    },
    async enumerateDevices() {
      return [...cameras.map((deviceId) => ({ kind: "videoinput", deviceId, label: "" })), { kind: "audioinput" }];
    },
  };
}

const screen = () => ({ srcObject: null, readyState: 4, videoWidth: 640, play: async () => {} });
const open = (tracks) => tracks.filter(({ stopped }) => !stopped).length;

test("no sound is asked for, and the camera is on until it is stopped", async () => {
  const media = machine(), video = screen(), camera = new Camera(media, video, () => {});
  await camera.start();
  assert.equal(media.asked[0].audio, false);
  assert.equal(camera.ready, true);
  assert.ok(video.srcObject);
  camera.stop();
  assert.equal(open(media.tracks), 0);
  assert.equal(video.srcObject, null);
  assert.equal(camera.ready, false);
});

test("a camera that opens after the page was left is closed at once", async () => {
  const media = machine(), camera = new Camera(media, screen(), () => {});
  const opening = camera.start();
  camera.stop();
  await opening;
  assert.equal(media.tracks.length, 1);
  assert.equal(open(media.tracks), 0);
  assert.equal(camera.stream, null);
});

test("of two that are asked for one after the other only the last is on", async () => {
  const media = machine({ cameras: ["one", "two"] }), camera = new Camera(media, screen(), () => {});
  await Promise.all([camera.start("one"), camera.start("two")]);
  assert.equal(open(media.tracks), 1);
  assert.equal(camera.device, "two");
  await camera.start("one");
  assert.equal(open(media.tracks), 1);
  assert.equal(camera.device, "one");
  assert.deepEqual(camera.devices.map(({ deviceId }) => deviceId), ["one", "two"]);
});

test("why there is no camera is a sentence of its own for each reason", async () => {
  const said = new Set();
  for (const name of ["NotAllowedError", "NotFoundError", "NotReadableError"]) {
    const camera = new Camera(machine({ fails: name }), screen(), () => {});
    await camera.start();
    assert.equal(camera.stream, null);
    assert.equal(camera.opening, false);
    said.add(camera.words);
  }
  const nowhere = new Camera(undefined, screen(), () => {});
  await nowhere.start();
  said.add(nowhere.words);
  assert.equal(said.size, 4);
  for (const words of said) assert.match(words, /\.$/);
  assert.match(nowhere.words, /https or on localhost/);
  assert.equal(reason({ name: "SecurityError" }), reason({ name: "NotAllowedError" }));
  assert.match(reason(new Error("never heard of")), /\.$/);
});

test("a camera that is unplugged says so, and one at the back is not flipped", async () => {
  const media = machine(), camera = new Camera(media, screen(), () => {});
  await camera.start();
  assert.equal(camera.mirrored, true);
  media.tracks[0].onended();
  assert.equal(camera.words, ENDED);
  assert.equal(camera.stream, null);
  const back = new Camera(machine({ facing: "environment" }), screen(), () => {});
  await back.start();
  assert.equal(back.mirrored, false);
});

test("the square is the middle of the picture", () => {
  assert.deepEqual(square(640, 480), [80, 0, 480]);
  assert.deepEqual(square(480, 640), [0, 80, 480]);
  assert.deepEqual(square(300, 300), [0, 0, 300]);
});

function outbox() {
  const sent = [], clock = { now: 0 };
  return { sent, clock, box: new Outbox((message) => sent.push(message), () => clock.now, "here") };
}

const frame = (ident) => ({ do: "frame", class: ident, image: "" });

test("one message at a time, each of a few acts, in their order, each exactly once", () => {
  const { sent, box } = outbox();
  for (let i = 0; i < 30; i++) box.put({ do: "frame", class: 1, i });
  while (box.sent) box.heard({ mount: "here", number: box.sent.number });
  assert.deepEqual(sent.flatMap(({ acts }) => acts.map(({ i }) => i)), Array.from({ length: 30 }, (_, i) => i));
  assert.ok(sent.every(({ acts }) => acts.length <= BATCH));
  assert.deepEqual(sent.map(({ number }) => number), sent.map((_, i) => i + 1));
});

test("an answer to something else is none", () => {
  const { sent, box } = outbox();
  box.put(frame(1));
  box.put(frame(1));
  for (const heard of [{ mount: "", number: 0 }, { mount: "other", number: 1 }, { mount: "here", number: 2 }]) box.heard(heard);
  assert.equal(sent.length, 1);
  box.heard({ mount: "here", number: 1 });
  assert.equal(sent.length, 2);
});

test("what has no answer is sent again under its own number, and not before it is time", () => {
  const { sent, clock, box } = outbox();
  box.put(frame(1));
  box.again();
  assert.equal(sent.length, 1);
  clock.now = PATIENCE;
  box.again();
  box.again();
  assert.equal(sent.length, 2);
  assert.equal(sent[0], sent[1]);
});

test("frames that wait are counted by class, and only so many wait", () => {
  const { box } = outbox();
  for (let i = 0; i < 5; i++) box.put(frame(i % 2));
  box.put({ do: "add" });
  assert.deepEqual([box.waiting(), box.waiting(0), box.waiting(1)], [5, 3, 2]);
  assert.equal(box.crowded, false);
  while (box.waiting() < WAITING) box.put(frame(0));
  assert.equal(box.crowded, true);
});

/** A button that events are sent to. */
function button() {
  const hears = {}, told = [];
  const made = { disabled: false, addEventListener: (kind, hear) => (hears[kind] = hear) };
  const up = holdable(made, () => told.push("begin"), () => told.push("end"));
  const send = (kind, event = {}) => {
    let kept = true;
    hears[kind]({ button: 0, detail: 1, preventDefault: () => (kept = false), ...event });
    return kept;
  };
  return { made, told, send, up };
}

test("a key that repeats is one hold, and other keys are the page's", () => {
  const { told, send } = button();
  for (const key of [" ", "Enter"]) {
    assert.equal(send("keydown", { key }), false);
    for (let i = 0; i < 3; i++) send("keydown", { key, repeat: true });
    assert.equal(send("keyup", { key }), false);
  }
  assert.equal(send("keydown", { key: "Tab" }), true);
  assert.deepEqual(told, ["begin", "end", "begin", "end"]);
});

test("a hold ends when the pointer goes up, is lost, or the focus leaves, and once", () => {
  for (const kind of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) {
    const { told, send, up } = button();
    send("pointerdown");
    send(kind);
    send("pointerup");
    up();
    assert.deepEqual(told, ["begin", "end"]);
  }
});

test("the right button does nothing, nor does a button that is off; a click without a press is a short hold", () => {
  const { made, told, send } = button();
  send("pointerdown", { button: 2 });
  made.disabled = true;
  send("pointerdown");
  send("click", { detail: 0 });
  assert.deepEqual(told, []);
  made.disabled = false;
  send("click", { detail: 1 }); // after a press, which was heard
  assert.deepEqual(told, []);
  send("click", { detail: 0 });
  assert.deepEqual(told, ["begin", "end"]);
});
