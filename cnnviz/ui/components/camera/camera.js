// The camera: opened when asked, closed whenever nobody looks, and why it cannot be had in a sentence.

const INSECURE = "The browser opens a camera only over https or on localhost; open this page there, or upload a zip of images.";
const REASONS = {
  NotAllowedError: "The camera is blocked for this page; allow it in the browser's address bar, then start it again.",
  NotFoundError: "No camera was found; connect one, then start it again.",
  NotReadableError: "The camera cannot be opened; close other programs that use it, then start it again.",
};
REASONS.SecurityError = REASONS.NotAllowedError;
REASONS.OverconstrainedError = REASONS.NotFoundError;
REASONS.AbortError = REASONS.NotReadableError;
export const ENDED = "The camera has stopped; start it again.";
export const HIDDEN = "The camera was switched off while its view was hidden; start it again.";

/** Why the camera could not be opened, in a sentence. */
export const reason = (error) => REASONS[error?.name] ?? REASONS.NotReadableError;

/** The middle square of a picture: left, top and side. */
export function square(width, height) {
  const side = Math.min(width, height);
  return [(width - side) / 2, (height - side) / 2, side];
}

const end = (stream) => stream.getTracks().forEach((track) => track.stop());

export class Camera {
  /** `media` is the browser's, undefined where it has none to give; `changed` hears whenever something is different. */
  constructor(media, video, changed) {
    Object.assign(this, { media, video, changed, stream: null, opening: false, turn: 0, device: "", devices: [], words: "" });
  }

  /** Opens the camera, or the one with that id. */
  async start(device = this.device) {
    this.stop();
    if (!this.media?.getUserMedia) return this.tell(INSECURE);
    const turn = this.turn;
    this.opening = true;
    this.changed();
    const wanted = { width: { ideal: 640 }, height: { ideal: 480 }, ...(device ? { deviceId: { exact: device } } : { facingMode: "user" }) };
    let stream, devices;
    try {
      stream = await this.media.getUserMedia({ audio: false, video: wanted });
      devices = (await this.media.enumerateDevices()).filter((one) => one.kind === "videoinput"); // named from now on
    } catch (error) {
      if (stream) end(stream);
      return turn === this.turn ? this.tell(reason(error)) : undefined;
    }
    if (turn !== this.turn) return end(stream); // stopped or left meanwhile
    const [track] = stream.getVideoTracks(), set = track.getSettings?.() ?? {};
    track.onended = () => this.tell(ENDED);
    Object.assign(this, { stream, devices, device: set.deviceId ?? device, opening: false, mirrored: set.facingMode !== "environment" });
    this.video.srcObject = stream;
    this.changed();
    await this.video.play()?.catch(() => {}); // stopped again before the first picture
  }

  /** Closes it and says why. */
  tell(words) {
    this.stop(words);
    this.changed();
  }

  /** Closes it: its light goes out. */
  stop(words = "") {
    this.turn += 1;
    if (this.stream) end(this.stream);
    this.video.srcObject = null;
    Object.assign(this, { stream: null, opening: false, words });
  }

  /** Whether there is a picture to take. */
  get ready() {
    return Boolean(this.stream) && this.video.readyState >= 2 && this.video.videoWidth > 0;
  }
}
