// What follows a change: settings made legal, maps computed, a frame drawn; Python hears of it on release.
import { afterwards } from "../shared/afterwards.js";
import { compute, legalise, report } from "./model.js";
import { request } from "./view.js";

/** Everything anew: after a setting, an example, another picture. */
export function rethink(lab, everything = true) {
  legalise(lab);
  compute(lab, everything);
  if (everything) lab.show(lab), (lab.refit = true); // the controls, which change things themselves
  request(lab);
}

/** Tell Python, a moment after the last change. */
export function tell(lab) {
  afterwards(lab.element, () => lab.send("view", report(lab)));
}

export function changed(lab, change, done = true) {
  change(lab.s);
  rethink(lab, done);
  if (done) tell(lab);
}
