// A component on the page: built once, told at every call, cleared away once.

/** One instance per mount: `build` once, `update` at every call, clean-up only by the newest call. */
export function mounted(instances, args, build, update) {
  const { parentElement: root } = args;
  let lab = instances.get(root);
  if (!lab) instances.set(root, (lab = build(root)));
  lab.send = args.setStateValue;
  lab.trigger = args.setTriggerValue;
  const call = (lab.call = (lab.call ?? 0) + 1);
  update(lab, args.data);
  return () => {
    if (call !== lab.call) return;
    cancelAnimationFrame(lab.frame);
    clearTimeout(lab.timer);
    lab.watch?.disconnect();
    lab.element.remove();
    instances.delete(root);
  };
}
